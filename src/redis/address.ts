import { isIP } from 'node:net';
import { Secret } from '../base/secret.ts';
import { ErrandError } from '../errors.ts';
import { optionRefusal } from './url-options.ts';

/** A host and a port. An IPv6 address has no brackets here. */
export type HostPort = { host: string; port: number };

/**
 * The place of a Redis.
 *
 * - `server`: a TCP server.
 * - `socket`: a Unix socket on this machine.
 * - `sentinel`: the master of this name, found by asking these Sentinels in turn.
 */
export type RedisPlace =
  | ({ kind: 'server' } & HostPort)
  | { kind: 'socket'; path: string }
  | { kind: 'sentinel'; nodes: HostPort[]; master: string };

/** A parsed address of Redis. The password is decoded and prints as `[secret]`. */
export type RedisAddress = {
  place: RedisPlace;
  user?: string;
  password?: Secret;
  database: number;
  isTls: boolean;
};

type Login = Pick<RedisAddress, 'user' | 'password'>;
type Kind = RedisPlace['kind'];

const SCHEMES = new Map<string, { kind: Kind; isTls: boolean }>([
  ['redis', { kind: 'server', isTls: false }],
  ['rediss', { kind: 'server', isTls: true }],
  ['redis+unix', { kind: 'socket', isTls: false }],
  ['redis+sentinel', { kind: 'sentinel', isTls: false }],
  ['rediss+sentinel', { kind: 'sentinel', isTls: true }],
]);

const REDIS_PORT = 6379;
const SENTINEL_PORT = 26_379;
/** Redis reads a database as a signed 32-bit number. */
const MAX_DATABASE = 2 ** 31 - 1;
const HOST_NAME = /^[a-z0-9_]([a-z0-9._-]{0,251}[a-z0-9_.])?$/i;
const MASTER_NAME = /^[\w.-]{1,100}$/;
/** Characters that end the login of a URL, with their percent-encoded form. */
const DELIMITERS = new Map([
  ['/', '%2F'],
  ['@', '%40'],
  ['#', '%23'],
  ['?', '%3F'],
]);

/**
 * Parses an address of Redis: `redis://[user:password@]host[:port][/database]`, `rediss://…` for TLS,
 * `redis+unix://[user:password@]/path[?db=database]`, or
 * `redis+sentinel://[user:password@]host[:port],…/master[/database]`, with `rediss+sentinel://` for TLS.
 *
 * Percent-decodes the user and the password. Accepts everything else as written, or refuses it. A message quotes only
 * the names of known options, because any other part of the text may belong to a password.
 *
 * @throws ErrandError `CONFIG_INVALID`, with a remedy.
 */
export function parseRedisAddress(text: string): RedisAddress {
  if (/[\s\p{Cc}]/u.test(text) || !text.isWellFormed()) {
    throw refused('white space or a control character', 'Remove it. In a password, write a blank as %20.');
  }
  const [, scheme = '', rest = ''] = /^([a-z][a-z0-9+.-]*):\/\/(.*)$/i.exec(text) ?? [];
  const form = SCHEMES.get(scheme.toLowerCase());
  if (!form) throw expected('redis://host:port or rediss://host:port');
  const at = rest.lastIndexOf('@');
  const login = at < 0 ? {} : loginOf(rest.slice(0, at));
  const target = rest.slice(at + 1);
  if (target.includes('#')) {
    throw refused('"#" after the host', 'Remove "#" and the text after it; in a password, write it as %23.');
  }
  return { ...targetOf(target, form.kind), ...login, isTls: form.isTls };
}

/** Returns an address with its password masked. Takes an address that {@link parseRedisAddress} accepts. */
export function maskedAddress(text: string): string {
  return text.replace(/^([^:]+:\/\/[^:]*:).*@/, '$1[secret]@');
}

/** Whether the text is an IP address or a valid host name. */
export function isHost(text: string): boolean {
  return isIP(text) !== 0 || HOST_NAME.test(text);
}

/** Writes host and port as one text, an IPv6 address in brackets. */
export function hostPortText({ host, port }: HostPort): string {
  return isIP(host) === 6 ? `[${host}]:${port}` : `${host}:${port}`;
}

function refused(found: string, remedy: string): ErrandError {
  return new ErrandError('CONFIG_INVALID', `the address has ${found}`, { remedy });
}

function expected(what: string, remedy = FORMS): ErrandError {
  return new ErrandError('CONFIG_INVALID', `expected ${what}`, { remedy });
}

const FORMS =
  'Write redis://user:password@host:port/database, with rediss:// for TLS, redis+unix:// for a socket, or redis+sentinel:// for Sentinel.';

function loginOf(text: string): Login {
  const bare = [...DELIMITERS].filter(([character]) => text.includes(character));
  if (bare.length > 0) {
    const found = bare.map(([character]) => `"${character}"`).join(' and ');
    const forms = bare.map(([character, form]) => `"${character}" as ${form}`).join(' and ');
    throw refused(`${found} in the user or password`, `Percent-encode the user and the password: write ${forms}.`);
  }
  const colon = text.indexOf(':');
  if (text === '' || text === ':') return {};
  if (colon < 0) {
    const remedy = 'Write redis://:password@host for a password alone, or redis://user:password@host.';
    throw refused('a user without a password', remedy);
  }
  const user = decoded(text.slice(0, colon), 'user');
  return { ...(user !== '' && { user }), password: new Secret(decoded(text.slice(colon + 1), 'password')) };
}

function decoded(text: string, what: string): string {
  if (/%(?![0-9a-f]{2})/i.test(text)) {
    throw refused(`"%" in the ${what}`, `Percent-encode the ${what}: write "%" as %25.`);
  }
  try {
    return decodeURIComponent(text);
  } catch {
    throw refused(`a ${what} that is not UTF-8`, `Percent-encode the bytes of the ${what} in UTF-8.`);
  }
}

function targetOf(target: string, kind: Kind): Pick<RedisAddress, 'place' | 'database'> {
  const [whole = '', query] = splitAt(target, '?');
  if (kind === 'socket') return socketOf(whole, query);
  const [hosts = '', path = ''] = splitAt(whole, '/');
  if (kind === 'sentinel') {
    const nodes = hosts.split(',').map((node) => hostPortOf(node, SENTINEL_PORT));
    const [name = '', database = ''] = splitAt(path, '/');
    refuseOptions(query);
    return { place: { kind, nodes, master: masterOf(name) }, database: databaseOf(database) };
  }
  if (hosts.includes(',')) {
    throw refused('more than one host', 'Write redis+sentinel://host:port,host:port/master for Sentinel.');
  }
  const server = hostPortOf(hosts, REDIS_PORT);
  refuseOptions(query);
  return { place: { kind, ...server }, database: databaseOf(path) };
}

/** Splits at the first separator. Without a separator there is no second part. */
function splitAt(text: string, separator: string): [string, string?] {
  const at = text.indexOf(separator);
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + 1)];
}

function socketOf(whole: string, query: string | undefined): Pick<RedisAddress, 'place' | 'database'> {
  const path = decoded(whole, 'path');
  if (!/^\/[^\p{Cc}]+$/u.test(path)) {
    throw expected('an absolute path after redis+unix://', 'Write redis+unix:///run/redis/redis.sock.');
  }
  const [, database] = /^db=([^&]*)$/.exec(query ?? '') ?? [];
  if (database === undefined) refuseOptions(query?.replace(/(^|&)db=[^&]*/, ''));
  return { place: { kind: 'socket', path }, database: databaseOf(database ?? '') };
}

function hostPortOf(text: string, defaultPort: number): HostPort {
  const isBracketed = text.startsWith('[');
  if (!isBracketed && text.split(':').length > 2) {
    throw refused('more than one ":" in host and port', 'Write an IPv6 address in brackets: redis://[::1]:6379.');
  }
  const [, bracketed, named, port] = /^(?:\[([^\]]*)\]|([^:[\]]*))(?::(.*))?$/.exec(text) ?? [];
  const host = bracketed?.replace('%25', '%') ?? named ?? '';
  if (host === '') throw expected('a host');
  if (isBracketed ? isIP(host) !== 6 : !isHost(host)) throw expected('a host name or an IP address');
  if (port === undefined) return { host, port: defaultPort };
  if (!/^[1-9]\d{0,4}$/.test(port) || Number(port) > 65_535) throw expected('a port from 1 to 65535 after the host');
  return { host, port: Number(port) };
}

function databaseOf(text: string): number {
  if (text === '') return 0;
  if (/^(0|[1-9]\d{0,9})$/.test(text) && Number(text) <= MAX_DATABASE) return Number(text);
  const remedy = 'End the address with the number of the database, such as /0; for a key prefix set "prefix".';
  throw expected('a whole number as the database', remedy);
}

function masterOf(text: string): string {
  const name = decoded(text, 'master');
  if (MASTER_NAME.test(name)) return name;
  const remedy = 'Write the name that "sentinel monitor" has: redis+sentinel://host:port/mymaster.';
  throw expected('the name of the master after the Sentinels', remedy);
}

function refuseOptions(query: string | undefined): void {
  if (query === undefined) return;
  const { found, remedy } = optionRefusal(query);
  throw refused(found, remedy);
}
