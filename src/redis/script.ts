import { createHash } from 'node:crypto';
import type { Redis } from 'ioredis';
import { ErrandError, isErrandError } from '../errors.ts';
import { assertLocals, assertUsed, type Lua } from './lua.ts';
import type { ReplyReader } from './replies.ts';

/** Lua allows 200 locals in one function. The others are for the script itself. */
const MAX_NAMES = 100;

type Value = string | number;

/**
 * The arguments of a script: each key and argument by its name, and the list of further arguments if the script takes
 * one.
 */
export type ScriptCall<Key extends string, Arg extends string, Rest extends string> = {
  keys: { [Name in Key]: string };
} & ([Arg] extends [never] ? { args?: never } : { args: { [Name in Arg]: Value } }) &
  ([Rest] extends [never] ? { rest?: never } : { rest: readonly Value[] });

type AnyCall = { keys: { [name: string]: string }; args?: { [name: string]: Value }; rest?: readonly Value[] };

/**
 * The names and the Lua of a script. `name` is in its errors; `rest` names the local table of all further arguments.
 */
type Definition<Key extends string, Arg extends string, Rest extends string, Reply> = {
  name: string;
  keys: readonly Key[];
  args?: readonly Arg[];
  rest?: Rest;
  lua: Lua<NoInfer<Key | Arg | Rest>, string>;
  reply: ReplyReader<Reply>;
};

/**
 * Defines a script whose keys and arguments are Lua locals with their names.
 * @throws TypeError for a name that cannot be a local, is used twice or is not used, and for a missing name that a
 * fragment needs.
 */
export function defineScript<
  Reply,
  const Key extends string,
  const Arg extends string = never,
  const Rest extends string = never,
>(definition: Definition<Key, Arg, Rest, Reply>): LuaScript<ScriptCall<Key, Arg, Rest>, Reply> {
  return new LuaScript<ScriptCall<Key, Arg, Rest>, Reply>(definition);
}

/** A Lua script that runs by its digest. It is sent whole only to a server that does not know it (`NOSCRIPT`). */
export class LuaScript<Call extends AnyCall, Reply> {
  readonly name: string;
  /** The Lua that Redis runs, with the locals declared. */
  readonly lua: string;
  readonly #keys: readonly string[];
  readonly #args: readonly string[];
  readonly #sha: string;
  readonly #reply: ReplyReader<Reply>;

  constructor({ name, keys, args = [], rest, lua, reply }: Definition<string, string, string, Reply>) {
    const locals = [...keys, ...args, ...(rest === undefined ? [] : [rest])];
    const what = `script ${name}`;
    if (locals.length > MAX_NAMES) throw new TypeError(`${what} has more than ${MAX_NAMES} names`);
    assertLocals(what, locals);
    assertUsed(what, lua.text, locals);
    const missing = lua.needs.find((need) => !locals.includes(need));
    if (missing !== undefined) throw new TypeError(`${what} lacks "${missing}", which one of its fragments needs`);
    this.name = name;
    this.#keys = keys;
    this.#args = args;
    this.lua = `${localsFrom('KEYS', keys)}${localsFrom('ARGV', args)}${restFrom(args.length, rest)}${lua.text}`;
    this.#sha = createHash('sha1').update(this.lua).digest('hex');
    this.#reply = reply;
  }

  /** Runs the script and returns its reply. @throws ErrandError `INTERNAL` for a reply of another shape. */
  async run(redis: Redis, call: Call): Promise<Reply> {
    const values = this.#values(call);
    try {
      return this.read(await redis.evalsha(this.#sha, this.#keys.length, ...values));
    } catch (error) {
      if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error;
    }
    return this.read(await redis.eval(this.lua, this.#keys.length, ...values));
  }

  /** The arguments of EVAL, for a caller that sends the command itself. {@link read} reads the reply. */
  evalArgs(call: Call): string[] {
    return [this.lua, String(this.#keys.length), ...this.#values(call).map(String)];
  }

  /** Reads a reply of the script. @throws ErrandError `INTERNAL` for a reply of another shape. */
  read(reply: unknown): Reply {
    try {
      return this.#reply(reply);
    } catch (error) {
      if (!isErrandError(error)) throw error;
      throw new ErrandError('INTERNAL', `unexpected reply of the script ${this.name}: ${error.message}`);
    }
  }

  #values({ keys, args, rest }: Call): Value[] {
    const values: Value[] = [];
    for (const name of this.#keys) values.push(keys[name] ?? '');
    for (const name of this.#args) values.push(args?.[name] ?? '');
    if (rest) for (const value of rest) values.push(value);
    return values;
  }
}

/** Declares the locals for one of the two tables that Redis gives a script, in order. */
function localsFrom(table: 'KEYS' | 'ARGV', locals: readonly string[]): string {
  if (locals.length === 0) return '';
  return `local ${locals.join(', ')} = ${locals.map((_, at) => `${table}[${at + 1}]`).join(', ')}\n`;
}

/**
 * Declares the table of the arguments after the named ones. `unpack` fails for many:
 * docs/internals/redis.md#limits-of-lua.
 */
function restFrom(named: number, rest: string | undefined): string {
  if (rest === undefined) return '';
  return `local ${rest} = {}\nfor at, value in ipairs(ARGV) do if at > ${named} then ${rest}[at - ${named}] = value end end\n`;
}
