import type { RedisOptions } from 'ioredis';
import { ErrandError, messageOf } from '../errors.ts';
import { lua } from './lua.ts';
import { grantOf, isDenial, isKeyDenial } from './refusal.ts';
import { texts } from './replies.ts';
import type { RetryingRedis } from './retrying.ts';
import { COMMANDS, channelRightOf, commandRightsOf, keyRightOf, type RedisRole, rightsOf } from './rights.ts';
import { defineScript } from './script.ts';
import { probeKeys } from './slot-refusal.ts';
import { redisName } from './target.ts';

/**
 * Returns the commands that the user may not run, of commands such as `get` and `client|list`. No command runs.
 *
 * Our key is each argument, because it is a valid name of a channel too. There are more arguments than any command needs,
 * because a check without its keys is not reliable: see docs/internals/redis.md#rights.
 */
const MISSING = defineScript({
  name: 'MISSING',
  keys: ['key'],
  rest: 'commands',
  lua: lua`
local missing = {}
for _, name in ipairs(commands) do
  local words = {}
  for word in string.gmatch(name, '[^|]+') do words[#words + 1] = word end
  for _ = 1, 12 do words[#words + 1] = key end
  if not redis.acl_check_cmd(unpack(words)) then missing[#missing + 1] = name end
end
return missing
`,
  reply: texts,
});

/** Sends EVAL with these arguments. */
type Evaluate = (args: string[]) => Promise<unknown>;

/**
 * Returns the rights of a role that the user of the connection lacks, as `ACL SETUSER` takes them. Returns all commands
 * if the user may not run scripts or use our keys, because then nothing more can be read. Returns `null` if Redis
 * refuses scripts now, or lacks `redis.acl_check_cmd`.
 */
export async function missingRights(evaluate: Evaluate, role: RedisRole, prefix: string): Promise<string[] | null> {
  const [key = ''] = probeKeys(prefix);
  try {
    const commands = MISSING.read(await evaluate(MISSING.evalArgs({ keys: { key }, rest: COMMANDS[role] })));
    const all = rightsOf(role, prefix);
    // No channel is needed for UNSUBSCRIBE, so a user who may run only that lacks the channels.
    const isWithoutChannels = ['publish', 'subscribe'].every((name) => commands.includes(name));
    const hasChannels = !isWithoutChannels || commands.includes('unsubscribe');
    return all.filter(
      (right) => commands.includes(right.slice(1)) || (!hasChannels && right === channelRightOf(prefix)),
    );
  } catch (error) {
    const text = messageOf(error);
    if (isKeyDenial(text)) return [keyRightOf(prefix), ...commandRightsOf(role)];
    return isDenial(text) ? commandRightsOf(role) : null;
  }
}

/**
 * Refuses a user that lacks a right of the role. Without this check the process would start, and stop in the middle of
 * its work.
 *
 * @throws ErrandError `REDIS_DENIED`, with the command that gives all missing rights.
 */
export async function assertRights(redis: RetryingRedis, role: RedisRole, prefix: string): Promise<void> {
  const missing = await missingRights((args) => redis.sendOnce('eval', args), role, prefix);
  if (missing === null || missing.length === 0) return;
  throw lackOf(redis.options, role, missing);
}

/** The error for a user that lacks these rights of a role: `REDIS_DENIED`, with the command that gives them. */
export function lackOf(options: RedisOptions, role: RedisRole, missing: readonly string[]): ErrandError {
  const user = options.username || 'default';
  const message = `${redisName(options)} denies its user "${user}" what a ${role} needs: ${missing.join(' ')}`;
  return new ErrandError('REDIS_DENIED', message, { remedy: grantOf(user, missing) });
}
