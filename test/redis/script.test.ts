import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { fragment, lua } from '../../src/redis/lua.ts';
import {
  bool,
  listOf,
  named,
  nothing,
  number,
  pairs,
  tagged,
  text,
  textOrNull,
  texts,
} from '../../src/redis/replies.ts';
import { defineScript, LuaScript } from '../../src/redis/script.ts';
import { freshPrefix, openRedis } from '../helpers/redis.ts';

const SRC = join(import.meta.dirname, '../../src');

const APPEND = defineScript({
  name: 'APPEND',
  keys: ['list', 'total'],
  args: ['first', 'second'],
  rest: 'others',
  lua: lua`
redis.call('RPUSH', list, second, first)
for _, other in ipairs(others) do redis.call('RPUSH', list, other) end
redis.call('INCRBY', total, #others + 2)
return redis.call('LRANGE', list, 0, -1)
`,
  reply: texts,
});

function aCall() {
  const prefix = freshPrefix();
  return {
    keys: { total: `${prefix}:total`, list: `${prefix}:list` },
    args: { second: 2, first: 'a' },
    rest: ['c', 4],
  };
}

test('a script has its keys, arguments and further arguments as locals of their names', async () => {
  const redis = openRedis();
  const call = aCall();
  expect(await APPEND.run(redis, call)).toEqual(['2', 'a', 'c', '4']);
  expect(await redis.get(call.keys.total)).toBe('4');
});

test('a script takes more further arguments than the stack of Lua holds', async () => {
  const rest = Array.from({ length: 20_000 }, (_, at) => at);
  expect(await APPEND.run(openRedis(), { ...aCall(), rest })).toHaveLength(20_002);
});

test('a script is sent whole only to a server that has not seen it', async () => {
  const redis = openRedis();
  const key = `${freshPrefix()}:new`;
  // No server has seen a script with this number.
  const body = lua`return redis.call('SETNX', key, ${Date.now()})`;
  const script = defineScript({ name: 'NEW', keys: ['key'], lua: body, reply: bool });
  await redis.ping();
  const sent = vi.spyOn(redis, 'sendCommand');
  const names = () => sent.mock.calls.map(([command]) => command.name);
  expect(await script.run(redis, { keys: { key } })).toBe(true);
  expect(names()).toEqual(['evalsha', 'eval']);
  expect(await script.run(redis, { keys: { key } })).toBe(false);
  expect(names()).toEqual(['evalsha', 'eval', 'evalsha']);
});

test('a call without one of the names, or with an unknown one, does not compile', () => {
  const redis = openRedis();
  const { keys, args, rest } = aCall();
  const calls = () => [
    // @ts-expect-error a key is missing
    APPEND.run(redis, { keys: { list: keys.list }, args, rest }),
    // @ts-expect-error a key is unknown
    APPEND.run(redis, { keys: { ...keys, other: 'x' }, args, rest }),
    // @ts-expect-error an argument is missing
    APPEND.run(redis, { keys, args: { first: 'a' }, rest }),
    // @ts-expect-error an argument is unknown
    APPEND.run(redis, { keys, args: { first: 'a', second: 2, third: 3 }, rest }),
    // @ts-expect-error the further arguments are missing
    APPEND.run(redis, { keys, args }),
  ];
  expect(calls).toBeTypeOf('function');
});

const CLOCK = fragment({ gives: ['now'] }, lua`local now = redis.call('TIME')[1]`);
const AGED = fragment({ needs: ['now', 'record'], gives: ['age'] }, lua`local age = now - redis.call('GET', record)`);

describe('fragments', () => {
  const reply = number;

  test('compose: a script has the locals that they need', async () => {
    const redis = openRedis();
    const record = `${freshPrefix()}:record`;
    await redis.set(record, 1);
    const script = defineScript({ name: 'AGE', keys: ['record'], lua: lua`${CLOCK} ${AGED} return age`, reply });
    expect(await script.run(redis, { keys: { record } })).toBeGreaterThan(1_700_000_000);
  });

  test('pass on what they need to the piece that they are put into', () => {
    const piece = lua`${CLOCK} ${AGED}`;
    expect(piece).toMatchObject({ needs: ['record'], gives: ['now', 'age'] });
  });

  test('refuse a script that lacks a name which they need', () => {
    const define = () =>
      // @ts-expect-error AGED needs a record
      defineScript({ name: 'AGE', keys: ['key'], lua: lua`${CLOCK} ${AGED} return redis.call('GET', key)`, reply });
    expect(define).toThrow('script AGE lacks "record", which one of its fragments needs');
  });

  test('refuse a script that puts the fragment which gives a name too late', () => {
    const late = lua`${AGED} ${CLOCK} return age`;
    expect(() => defineScript({ name: 'AGE', keys: ['record'], lua: late, reply })).toThrow('script AGE lacks "now"');
  });

  test('refuse a name that their Lua does not use', () => {
    expect(() => fragment({ needs: ['batch'] }, lua`return 1`)).toThrow('names "batch", which its Lua does not use');
  });
});

test.each([
  ['1st', 'script S: "1st" cannot be a local in Lua'],
  ['a-b', 'script S: "a-b" cannot be a local in Lua'],
  ['end', 'script S: "end" cannot be a local in Lua'],
  ['redis', 'script S: "redis" cannot be a local in Lua'],
  ['key', 'script S names "key" twice'],
  ['unused', 'script S names "unused", which its Lua does not use'],
])('the name "%s" of an argument is refused at the definition', (arg, message) => {
  const define = () => defineScript({ name: 'S', keys: ['key'], args: [arg], lua: lua`return key`, reply: text });
  expect(define).toThrow(message);
});

test('more names than Lua has locals for are refused at the definition', () => {
  const args = Array.from({ length: 100 }, (_, at) => `a${at}`);
  const used = lua`return key`;
  const define = () => defineScript({ name: 'S', keys: ['key'], args, lua: used, reply: text });
  expect(define).toThrow('script S has more than 100 names');
});

test.each<[string, (reply: unknown) => unknown, unknown, string]>([
  ['a list for a text', text, ['a'], 'expected a text'],
  ['nothing for a text', text, null, 'Redis returned nothing'],
  ['a number for a field', textOrNull, 1, 'expected a text'],
  ['a word for a number', number, 'many', 'expected a number'],
  ['an empty text for a number', number, '', 'expected a number'],
  ['2 for a yes or no', bool, 2, 'expected 1 or 0'],
  ['a text for a list', listOf(number), 'a', 'expected a list'],
  ['a number in a list of texts', texts, ['a', 1], 'expected a list of texts'],
  ['a name without its value', pairs, ['a', 'b', 'c'], 'expected a list of pairs'],
  ['a list that is too short', named({ a: text, b: text }), ['a'], 'expected a list of 2'],
  ['an unknown status', tagged({ ok: {}, gone: {} }), ['odd'], 'expected a list that begins with ok or gone'],
  ['a status without its value', tagged({ ok: { a: text } }), ['ok'], 'expected a list of 1'],
  ['a value for nothing', nothing, 'a', 'expected nothing'],
])('a reply of another shape is an error that names the script: %s', (_, reply, value, message) => {
  const script = defineScript({ name: 'ODD', keys: ['key'], lua: lua`return key`, reply });
  const error = expect.objectContaining({ code: 'INTERNAL', message: expect.stringContaining(message) });
  expect(() => script.read(value)).toThrow(error);
  expect(() => script.read(value)).toThrow('unexpected reply of the script ODD');
});

test('a reply of the expected shape is a value with names', () => {
  const reply = tagged({ ok: { at: number, fields: pairs }, gone: {} });
  expect(reply(['ok', '7', ['a', 'b']])).toEqual({ status: 'ok', at: 7, fields: [['a', 'b']] });
  expect(reply(['gone'])).toEqual({ status: 'gone' });
  expect(named({ data: textOrNull, looks: number })([null, 2])).toEqual({ data: null, looks: 2 });
});

test('only the emitter writes the tables in which Redis passes keys and arguments', () => {
  const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'));
  const byHand = files.filter((name) => /(KEYS|ARGV)\s*\[/.test(readFileSync(join(SRC, name), 'utf8')));
  expect(files.length).toBeGreaterThan(100);
  expect(byHand).toEqual([]);
});

const FOLDER = join(SRC, 'records/scripts');
const scripts = (await Promise.all(readdirSync(FOLDER).map((name) => import(join(FOLDER, name)))))
  .flatMap((file) => Object.values(file))
  .filter((value) => value instanceof LuaScript);

test.each(scripts.map((script) => [script.name, script.lua]))('%s uses no name that it does not declare', (_, code) => {
  expect(undeclaredIn(code)).toEqual([]);
});

test('a name that a script does not declare is found', () => {
  expect(undeclaredIn("local a = 1\nfor _, b in ipairs(a) do c = b.d .. 'e' end -- f")).toEqual(['c']);
});

const GLOBALS = new Set('KEYS ARGV redis cjson math string table ipairs pcall tonumber type'.split(' '));
const KEYWORDS = new Set(
  'and break do else elseif end false for function if in local nil not or repeat return then true until while'.split(
    ' ',
  ),
);

/** The names in Lua that are no global of Redis, no field, and declared nowhere before. */
function undeclaredIn(code: string): string[] {
  const plain = code.replace(/--.*$/gm, '').replace(/'[^']*'/g, "''");
  const declared = new Set(GLOBALS);
  for (const [, list = ''] of plain.matchAll(/\b(?:local|for)\s+(?:function\s+)?((?:\w+\s*,\s*)*\w+)/g)) {
    for (const name of list.split(',')) declared.add(name.trim());
  }
  for (const [, list = ''] of plain.matchAll(/function\s+\w+\(([^)]*)\)/g)) {
    for (const name of list.split(',')) declared.add(name.trim());
  }
  const used = [...plain.matchAll(/(?<![.\w])[a-z_]\w*/gi)].map(([name]) => name);
  return [...new Set(used)].filter((name) => !declared.has(name) && !KEYWORDS.has(name));
}
