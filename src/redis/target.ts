import { isIP } from 'node:net';
import type { RedisOptions } from 'ioredis';
import type { Secret } from '../base/secret.ts';
import { hostPortText, isHost, type RedisAddress } from './address.ts';
import type { TlsMaterial } from './tls.ts';

/** What a client needs to reach a Redis: the address, the TLS files, and the login of the Sentinels. */
export type RedisTarget = {
  address: RedisAddress;
  tls: TlsMaterial;
  sentinelLogin: { user?: string; password?: Secret };
};

/** How long a Sentinel may take for one answer before the next one is asked. */
const SENTINEL_ANSWER_MS = 2_000;

/** Options of a client. The type of replies is part of the type of the client. */
type ClientOptions = RedisOptions & { replyMapping: 'legacy' };

/**
 * The options that make a client connect to the target. The client gets no URL, so it cannot print one. It does not
 * send its version (`CLIENT SETINFO`): Redis 7.0 lacks the command, so the rights of a role cannot include it.
 */
export function clientOptions(target: RedisTarget): ClientOptions {
  const { user, password, database: db } = target.address;
  const login = { ...(user !== undefined && { username: user }), ...(password && { password: password.reveal() }) };
  return { ...placeOptions(target), ...login, db, disableClientInfo: true, replyMapping: 'legacy' };
}

function placeOptions(target: RedisTarget): RedisOptions {
  const { place } = target.address;
  switch (place.kind) {
    case 'server':
      return { host: place.host, port: place.port, ...tlsOptions(target, place.host) };
    case 'socket':
      return { path: place.path };
    case 'sentinel':
      return { ...sentinelOptions(target), sentinels: place.nodes, name: place.master };
  }
}

/**
 * A certificate is always checked, whatever `NODE_TLS_REJECT_UNAUTHORIZED` says. Node sends only the given
 * `servername`, and a proxy for many names needs it.
 */
function tlsOptions({ address, tls: { ca, cert, key, files } }: RedisTarget, host: string | null): RedisOptions {
  if (!address.isTls) return {};
  const own = cert !== undefined && key ? { cert, key: key.reveal() } : {};
  const servername = host === null || isIP(host) !== 0 ? {} : { servername: host };
  // Node ignores the paths. A remedy names them.
  const tls = { rejectUnauthorized: true, ...(ca !== undefined && { ca }), ...own, ...servername, files };
  return { tls };
}

/** Only the configured Sentinels are asked: their password goes to no address that a reply names. */
function sentinelOptions(target: RedisTarget): RedisOptions {
  const { user, password } = target.sentinelLogin;
  const { tls } = tlsOptions(target, null);
  return {
    ...(user !== undefined && { sentinelUsername: user }),
    ...(password && { sentinelPassword: password.reveal() }),
    ...(tls && { tls, sentinelTLS: tls, enableTLSForSentinelMode: true }),
    sentinelCommandTimeout: SENTINEL_ANSWER_MS,
    updateSentinels: false,
    natMap: checkedMaster,
  };
}

/** Checks the address of the master in the reply of a Sentinel. It throws, so that the next Sentinel is asked. */
function checkedMaster(key: string): { host: string; port: number } {
  const at = key.lastIndexOf(':');
  const [host, port] = [key.slice(0, at), Number(key.slice(at + 1))];
  if (isHost(host) && Number.isInteger(port) && port > 0 && port <= 65_535) return { host, port };
  throw new Error('the Sentinel named a master without a valid address');
}

/** Names the Redis of a client for people: its address without user and password. */
export function redisName({ sentinels, name, path, host = '', port = 0 }: RedisOptions): string {
  if (sentinels) {
    const nodes = sentinels.map((node) => hostPortText({ host: node.host ?? '', port: node.port ?? 0 }));
    return `Redis, master "${name}" of the Sentinels at ${nodes.join(', ')},`;
  }
  return path ? `Redis at the socket ${path}` : `Redis at ${hostPortText({ host, port })}`;
}
