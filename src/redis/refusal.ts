import type { FailureCode } from '../errors.ts';
import { channelRightOf, commandRightsOf, DEFAULT_PREFIX, keyRightOf, type RedisRole } from './rights.ts';

/** A refusal of Redis for people: its code, what is wrong, and the remedy. */
export type Refusal = { code: FailureCode; message: string; remedy: string };

/**
 * Who sent the refused command: the user of the connection, and the prefix of our keys. Redis names one missing right,
 * but several may be missing. With the role of the user, the remedy gives all commands of the role.
 */
export type Asker = {
  username?: string | null | undefined;
  prefix?: string | undefined;
  role?: RedisRole | undefined;
};

/** The error for a missing right. Inside a script Redis 7.0 words it in another way, without the first word NOPERM. */
const DENIAL = /^(NOPERM |ERR The user executing the script can't )/;
const COMMAND = /run (?:the '([a-z|]+)' command|this command)/i;
const CHANNELS = /\bchannels?\b/;
const KEYS = /\bkeys?\b/;

/** Whether Redis denied a command because the user lacks a right to the command, a key or a channel. */
export function isDenial(text: string): boolean {
  return DENIAL.test(text);
}

/** Whether Redis denied a command because of a key, and not because of the command itself. */
export function isKeyDenial(text: string): boolean {
  return isDenial(text) && !COMMAND.test(text) && !CHANNELS.test(text) && KEYS.test(text);
}

/** Explains a refusal that a person can fix; `null` for any other error. */
export function explainRefusal(text: string, asker: Asker = {}): Refusal | null {
  if (isDenial(text)) return explainDenial(text, asker);
  switch (text.split(' ', 1)[0]) {
    case 'OOM':
      return {
        code: 'REDIS_FULL',
        message: 'the memory of Redis is full: it uses more than maxmemory and refuses writes (OOM)',
        remedy: 'Raise maxmemory of Redis, or free memory: "redis-cli INFO memory" shows what it uses.',
      };
    case 'MISCONF':
      return {
        code: 'REDIS_UNAVAILABLE',
        message: 'Redis refuses writes because its last write to disk failed (MISCONF)',
        remedy: 'Free space on the disk of Redis, or fix its permissions. Its log has the reason.',
      };
    case 'READONLY':
      return {
        code: 'REDIS_UNAVAILABLE',
        message: 'Redis is a replica, which refuses writes (READONLY)',
        remedy: 'Point REDIS_URL at the master, or at a name that follows the master.',
      };
    default:
      return null;
  }
}

function explainDenial(text: string, { username, prefix = DEFAULT_PREFIX, role }: Asker): Refusal {
  const user = username || 'default';
  const remedyOf = (right: string | null): string => {
    const pattern = right !== null && !right.startsWith('+') ? [right] : [];
    if (role !== undefined) return grantOf(user, [...pattern, ...commandRightsOf(role)]);
    if (right !== null) return `${grantOf(user, [right])} "errand doctor" lists every missing right.`;
    return 'Give the user the rights of its role: "errand doctor" prints the ACL SETUSER command.';
  };
  const denied = (what: string, right: string | null): Refusal => ({
    code: 'REDIS_DENIED',
    message: `the Redis user "${user}" lacks the right to ${what}: ${wordsOf(text)}`,
    remedy: remedyOf(right),
  });
  const command = COMMAND.exec(text);
  if (command?.[1] !== undefined) return denied(`the command ${command[1]}`, `+${command[1]}`);
  if (command !== null) return denied('a command in a script', null);
  if (CHANNELS.test(text)) return denied('a channel', channelRightOf(prefix));
  if (KEYS.test(text)) return denied('a key', keyRightOf(prefix));
  return denied('a command', null);
}

/** The command that gives rights to a user, as one sentence. */
export function grantOf(user: string, rights: readonly string[]): string {
  const words = [user, ...rights].map((word) => (/^[\w+|:@-]+$/.test(word) ? word : `'${word}'`));
  return `Run in redis-cli: ACL SETUSER ${words.join(' ')}.`;
}

/** Leaves out the name of the script that Redis appends to an error inside a script. */
function wordsOf(text: string): string {
  return text.replace(/\.? script: .*$/s, '');
}
