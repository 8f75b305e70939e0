import type { RedisOptions } from 'ioredis';
import { type TlsFiles, tlsFaultOf } from './tls.ts';

/**
 * Why a Redis cannot be used, and what to do. `isLasting`: only another setting helps, so a process that starts does
 * not wait.
 */
export type ConnectFault = { message: string; remedy: string; isLasting: boolean };

/** What a client connects to and as whom. */
type Asked = Pick<RedisOptions, 'host' | 'port' | 'path' | 'username' | 'password' | 'sentinels' | 'db'> & {
  tls?: (NonNullable<RedisOptions['tls']> & { files?: TlsFiles | undefined }) | undefined;
};

const ADDRESS = 'REDIS_URL';
const LOGIN_FORM = 'redis://user:password@host:port, or redis://:password@host:port for a password alone';

/** The first byte of a TLS alert. */
const TLS_ALERT = 21;
/** The first byte of the answer of other servers: "HTTP" and "SSH". */
const OTHER_PROTOCOLS = new Map([
  [72, 'as an HTTP server does'],
  [83, 'as an SSH server does'],
]);
const FOREIGN_REPLY = /^Unknown RESP type (\d+)/;
const CUT =
  /^(the server closed the connection|(read|write) E(CONNRESET|PIPE)|Client network socket disconnected before secure TLS)/;

/** Explains why a Redis was not reached or refused the login; `null` for any other error. */
export function connectFaultOf(error: unknown, asked: Asked): ConnectFault | null {
  if (!(error instanceof Error)) return null;
  const tls = tlsFaultOf(error);
  if (tls !== null) return { ...tls, isLasting: true };
  return loginFault(error.message, asked) ?? foreignReply(error.message, asked) ?? networkFault(error, asked);
}

/** Explains a server that does not answer. `isConnected`: it accepted the connection. */
export function silenceOf(isConnected: boolean, asked: Asked): ConnectFault {
  const message = isConnected
    ? 'it accepts the connection and does not answer'
    : 'it has neither accepted nor refused the connection yet';
  return { message, remedy: checkOf(asked), isLasting: false };
}

function loginFault(text: string, asked: Asked): ConnectFault | null {
  const user = asked.username || 'default';
  const lasting = (message: string, remedy: string) => ({ message, remedy, isLasting: true });
  if (text.startsWith('ERR max number of clients')) {
    const remedy = 'Raise maxclients of Redis, or close clients: "redis-cli CLIENT LIST" shows them.';
    return { message: 'it has reached its limit of clients (maxclients)', remedy, isLasting: false };
  }
  switch (/^[A-Z]+(?= )/.exec(text)?.[0]) {
    case 'WRONGPASS':
      return lasting(
        `it refused the login of the user "${user}" (WRONGPASS)`,
        `Correct user and password in ${ADDRESS}: ${LOGIN_FORM}, percent-encoded. ${loginTrialOf(asked)}`,
      );
    case 'NOAUTH':
      return !asked.password
        ? lasting(
            `it demands a password, and ${ADDRESS} has none (NOAUTH)`,
            `Add the login to ${ADDRESS}: ${LOGIN_FORM}. ${loginTrialOf(asked)}`,
          )
        : lasting(
            'it did not accept the login (NOAUTH)',
            `Correct user and password in ${ADDRESS}: ${LOGIN_FORM}. ${loginTrialOf(asked)}`,
          );
    default:
      return null;
  }
}

function foreignReply(text: string, asked: Asked): ConnectFault | null {
  const type = FOREIGN_REPLY.exec(text)?.[1];
  if (type === undefined) return null;
  if (Number(type) === TLS_ALERT) {
    const message = 'the port expects TLS: it answered with a TLS alert';
    return { message, remedy: `Write rediss:// instead of redis:// in ${ADDRESS}.`, isLasting: true };
  }
  const how = OTHER_PROTOCOLS.get(Number(type)) ?? 'in another protocol';
  const message = `the server there is not a Redis; it answers ${how}`;
  return { message, remedy: `Correct host and port in ${ADDRESS}. ${pingOf(asked)}`, isLasting: true };
}

function networkFault(error: Error, asked: Asked): ConnectFault | null {
  const { message } = error;
  const errno =
    'code' in error && typeof error.code === 'string' ? error.code : (/\bE[A-Z_]{4,}\b/.exec(message)?.[0] ?? '');
  const passing = (what: string, remedy: string) => ({ message: what, remedy, isLasting: false });
  if (message.startsWith('All sentinels are unreachable')) return sentinelFault(message, errno);
  switch (errno) {
    case 'ECONNREFUSED':
      return passing(
        `nothing listens there (${errno})`,
        `Start that Redis, or set ${ADDRESS} to one that runs. ${pingOf(asked)}`,
      );
    case 'ENOTFOUND':
    case 'EAI_AGAIN': {
      const host = asked.host === undefined ? 'the host name' : `the host name "${asked.host}"`;
      const remedy = `Correct the host in ${ADDRESS}; "getent hosts ${asked.host ?? 'HOST'}" looks it up on this machine.`;
      return passing(`${host} has no address (${errno})`, remedy);
    }
    case 'ENOENT':
      return passing(`the socket does not exist (${errno})`, `Start that Redis, or correct the path in ${ADDRESS}.`);
    case 'EACCES':
      return passing(
        `the user of this process may not open the socket (${errno})`,
        'Add this user to the group of the socket, and set "unixsocketperm 770" in redis.conf.',
      );
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
      return passing(`no route leads there (${errno})`, checkOf(asked));
    case 'ETIMEDOUT':
      return passing(`the ${asked.tls ? 'TLS ' : ''}connection timed out (${errno})`, checkOf(asked));
    default: {
      if (!CUT.test(message)) return null;
      const code = errno === '' ? '' : ` (${errno})`;
      return passing(`it closed the connection${code}`, `${checkOf(asked)}${clientForm(asked)}`);
    }
  }
}

function sentinelFault(text: string, errno: string): ConnectFault {
  const why = errno || (/Last error: (.+)$/s.exec(text)?.[1] ?? 'no Sentinel knows its name');
  const remedy = `Check that the Sentinels in ${ADDRESS} run, know the name of the master, and accept the login.`;
  return { message: `the Sentinels did not name the master (${why})`, remedy, isLasting: false };
}

function checkOf(asked: Asked): string {
  return `Check host and port in ${ADDRESS}, and the firewalls on the way. ${otherForm(asked)}${pingOf(asked)}`;
}

/** The command that shows whether a Redis answers there. It has no login, because a wrong login is another fault. */
function pingOf(asked: Asked): string {
  if (asked.sentinels) return 'Check that the master of the Sentinels runs.';
  return `"redis-cli ${placeOf(asked)} PING" shows what answers there.`;
}

/** The command that tries a login. It asks for the password, so that the command line does not have it. */
function loginTrialOf(asked: Asked): string {
  if (asked.sentinels) return '';
  const { username } = asked;
  const user = username ? ` --user ${/^[\w.-]+$/.test(username) ? username : 'USER'}` : '';
  return `"redis-cli ${placeOf(asked)}${user} --askpass ACL WHOAMI" tries a login.`;
}

function placeOf({ host, port, path, tls }: Asked): string {
  if (path !== undefined) return `-s ${shellWord(path)}`;
  return `-h ${host} -p ${port}${tls ? ` --tls${filesOf(tls.files)}` : ''}`;
}

/** The options for the files of `redis_tls`. Without them the command and the server would not trust each other. */
function filesOf({ ca, cert, key }: TlsFiles = {}): string {
  const options = Object.entries({ cacert: ca, cert, key });
  return options.map(([name, path]) => (path === undefined ? '' : ` --${name} ${shellWord(path)}`)).join('');
}

/** A path as one word of a shell. */
function shellWord(path: string): string {
  return /^[\w./@:+-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;
}

/** What to write if the port speaks TLS and the address does not say so, or the other way round. */
function otherForm({ tls, path }: Asked): string {
  if (path !== undefined) return '';
  return tls ? 'If the port does not expect TLS, write redis://. ' : 'If the port expects TLS, write rediss://. ';
}

/** A server that demands a client certificate may cut the connection before it says so. */
function clientForm({ tls }: Asked): string {
  if (!tls) return '';
  return ' If the server demands a client certificate that it trusts, set redis_tls.cert and redis_tls.key.';
}
