import { inspect } from 'node:util';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { newBatchId } from '../../src/base/ids.ts';
import { type Batch, BatchRecord } from '../../src/contract/batch.ts';
import { DEFAULT_LIMITS } from '../../src/contract/limits.ts';
import { parseBatch } from '../../src/contract/parse-batch.ts';
import { TaskJob } from '../../src/contract/task.ts';
import { ErrandError } from '../../src/errors.ts';
import { planBatch } from '../../src/routes/plan.ts';
import type { RoutingTable } from '../../src/routes/table.ts';
import { routed } from '../producer/open-producer.ts';

const EFFORTS = 'expected one of none, minimal, low, medium, high, xhigh, max';

function parse(input: unknown, limits = DEFAULT_LIMITS): Promise<Batch> {
  return parseBatch(input, limits);
}

async function refusal(input: unknown, limits = DEFAULT_LIMITS): Promise<ErrandError> {
  try {
    await parseBatch(input, limits);
  } catch (error) {
    if (error instanceof ErrandError && error.code === 'BATCH_INVALID') return error;
    throw error;
  }
  return expect.fail('the batch was accepted');
}

async function problemsOf(input: unknown): Promise<Record<string, string>> {
  const { problems } = await refusal(input);
  return Object.fromEntries(problems.map(({ path, message }) => [path, message]));
}

/** An object that is nested `depth` levels deep. */
function nested(depth: number): object {
  return depth === 0 ? {} : { deeper: nested(depth - 1) };
}

describe('the forms of a batch', () => {
  test.each([[{}], [{ name: 'no work' }], [{ tasks: [] }], [{ tasks: '[]' }]])(
    'refuses one with neither a goal nor tasks: %j [B1]',
    async (input) => {
      expect(await problemsOf(input)).toEqual({
        tasks: expect.stringMatching(/^expected a non-empty array of tasks, or a goal; got /),
      });
    },
  );

  test.each<[object, string]>([
    [{}, 'no tasks and no goal'],
    [{ goal: null }, 'no tasks and null as the goal'],
    [{ tasks: [] }, 'an empty array of tasks and no goal'],
    [{ tasks: [], goal: null }, 'an empty array of tasks and null as the goal'],
  ])('says what came of a batch without work: %j', async (input, got) => {
    const tasks = `expected a non-empty array of tasks, or a goal; got ${got}`;
    expect(await problemsOf(input)).toEqual({ tasks });
  });

  test.each<[string, object, string]>([
    ['arguments', { name: 'd', arguments: { tasks: [{ goal: 'a' }] } }, 'move what it holds one level up: tasks'],
    ['input', { name: 'd', input: { goal: 'a' } }, 'move what it holds one level up: goal'],
    ['arguments', { name: 'd', arguments: '{"goal":"a"}' }, 'known: name, context'],
    ['function', { function: { name: 'd', arguments: '{}' } }, 'known: name, context'],
    ['task', { tasks: [], task: [{ goal: 'a' }] }, 'did you mean tasks'],
    ['api_key', { api_key: { goal: 'a' } }, 'keys and addresses never travel in a batch'],
  ])('names the unknown field %s of a batch without work before what is missing: %j', async (field, input, message) => {
    const refused = await refusal(input);
    expect(refused.problems.map(({ path }) => path)).toEqual([field, 'tasks']);
    expect(refused.message).toMatch(new RegExp(`^${field}: .*${message}`));
  });

  test('says what to move out of an unknown field of a task', async () => {
    const problems = await problemsOf({ tasks: [{ input: { goal: 'a' } }] });
    expect(problems['tasks[0].input']).toBe('unknown field; move what it holds one level up: goal');
  });

  test('makes one task of a lone goal, with the fields beside it [B2]', async () => {
    const { tasks, route } = await parse({ goal: 'one', provider: 'openai', toolsets: ['workspace'], name: 'n' });
    expect(tasks).toEqual([{ goal: 'one', provider: 'openai', toolsets: ['workspace'] }]);
    expect(route).toEqual({});
  });

  test('ignores a top-level goal beside tasks and says so [B3]', async () => {
    const { tasks, warnings } = await parse({ goal: 'ignored', tasks: [{ goal: 'a' }] });
    expect(tasks).toEqual([{ goal: 'a' }]);
    expect(warnings).toEqual(['goal: ignored, because tasks is not empty']);
  });

  test('takes the goal if tasks is empty [B4]', async () => {
    expect((await parse({ tasks: [], goal: 'one' })).tasks).toEqual([{ goal: 'one' }]);
  });

  test('reads tasks that come as the text of a JSON array [B5]', async () => {
    expect((await parse({ tasks: '[{"goal":"a"},{"goal":"b"}]' })).tasks).toEqual([{ goal: 'a' }, { goal: 'b' }]);
  });

  test('tells empty text, text that is no JSON, and JSON that is no array apart [B6]', async () => {
    const messages = await Promise.all(['  ', '[{', '{"goal":"a"}'].map((tasks) => problemsOf({ tasks })));
    expect(messages).toEqual([
      { tasks: 'expected an array of tasks, got an empty string' },
      {
        tasks:
          'expected an array of tasks, got a string that is not JSON: it ends too early at line 1, column 3 of the text',
      },
      { tasks: 'expected an array of tasks, got a string that holds the JSON of an object' },
    ]);
  });

  test('refuses an item that is no object, naming its index and type [B7]', async () => {
    const { problems } = await refusal({ tasks: [{ goal: 'a' }, 'b', null, [], 5] });
    expect(problems).toEqual(
      ['a string', 'null', 'a list', '5'].map((type, at) => ({
        path: `tasks[${at + 1}]`,
        message: `expected a task object, got ${type}`,
        index: at + 1,
      })),
    );
  });

  test('refuses an item whose goal is missing, blank or no text, by its index [B8]', async () => {
    const { problems } = await refusal({ tasks: [{}, { goal: ' \n' }, { goal: 7 }, { goal: null }] });
    expect(problems).toEqual([
      { path: 'tasks[0].goal', message: 'is missing; every task needs a goal', index: 0 },
      { path: 'tasks[1].goal', message: 'expected a goal, got blank text', index: 1 },
      { path: 'tasks[2].goal', message: 'expected a string, got 7', index: 2 },
      { path: 'tasks[3].goal', message: 'expected a string, got null', index: 3 },
    ]);
  });

  test('keeps two tasks with the same goal [B10]', async () => {
    expect((await parse({ tasks: [{ goal: 'again' }, { goal: 'again' }] })).tasks).toHaveLength(2);
  });

  test.each([
    [null, 'null'],
    ['text', 'a string'],
    [[], 'a list'],
    [undefined, 'nothing'],
  ])('refuses what is no object at all: %j', async (input, type) => {
    expect((await refusal(input)).message).toBe(`batch: expected a batch object, got ${type}`);
  });
});

describe('problems', () => {
  test('lists the levels if a reasoning_effort is unknown [B11]', async () => {
    expect(await problemsOf({ tasks: [{ goal: 'a', reasoning_effort: 'extreme' }] })).toEqual({
      'tasks[0].reasoning_effort': `${EFFORTS}, got "extreme"`,
    });
  });

  test('come all at once, from every task and from the batch itself [B20]', async () => {
    const problems = await problemsOf({
      priority: 'high',
      max_concurrent: 0,
      admission: 'maybe',
      parent: 5,
      metadata: { a: undefined },
      tasks: [
        { goal: 5, context: 1, model: ' ', provider: 'X!', toolsets: [5], budget: { turns: 0 }, metadata: [] },
        { goal: 'a', reasoning_effort: 1, role: 'leaf' },
      ],
    });
    expect(problems).toEqual({
      priority: 'expected a whole number, got "high"',
      max_concurrent: 'expected a number of at least 1, got 0',
      admission: 'expected one of batch, task, got "maybe"',
      parent: 'expected an object, got 5',
      'metadata.a': 'is missing; expected plain JSON',
      'tasks[0].goal': 'expected a string, got 5',
      'tasks[0].context': 'expected a string, got 1',
      'tasks[0].model': 'expected a model name, got an empty string',
      'tasks[0].provider': 'expected a provider name: lower-case letters, digits, "-" and "_", at most 40',
      'tasks[0].toolsets.0': 'expected a string, got 5',
      'tasks[0].budget.turns': 'expected a number of at least 1, got 0',
      'tasks[0].metadata': 'expected an object, got a list',
      'tasks[1].reasoning_effort': `${EFFORTS}, got 1`,
    });
  });

  test('name the unknown field and list the known ones in its place [B21]', async () => {
    const route = 'provider, model, reasoning_effort';
    const problems = await problemsOf({
      budget: { turns: 1 },
      tasks: [{ goal: 'a', modle: 'x', budget: { minutes: 1 } }],
      defaults: { effort: 'low' },
    });
    expect(problems).toEqual({
      budget: `unknown field; known: name, context, defaults, parent, admission, max_concurrent, priority, idempotency_key, metadata, tasks, goal, ${route}`,
      'defaults.effort': `unknown field; did you mean reasoning_effort? Known: ${route}`,
      'tasks[0].modle': `unknown field; did you mean model? Known: goal, instructions, context, ${route}, toolsets, tool_policy, budget, metadata`,
      'tasks[0].budget.minutes':
        'unknown field; known: turns, tokens, seconds, first_token_seconds, idle_seconds, turn_seconds, tool_seconds, turns_without_progress',
    });
  });

  test.each([
    ['response_format', 'answers are not checked against a schema; describe the form in the goal'],
    ['effort', 'did you mean reasoning_effort? Known: goal, '],
    ['prompt', 'did you mean goal?'],
    ['color', 'known: goal, '],
  ])('say what to write instead of the unknown field %s', async (field, hint) => {
    const problems = await problemsOf({ tasks: [{ goal: 'a', [field]: 'x' }] });
    expect(problems[`tasks[0].${field}`]).toContain(`unknown field; ${hint}`);
  });

  test('say what came instead of a whole number', async () => {
    expect(await problemsOf({ goal: 'a', budget: { turns: 1.5 } })).toEqual({
      'budget.turns': 'expected a whole number, got 1.5',
    });
  });

  test('count no more than a hundred, and say in the message how many', async () => {
    const { problems, message } = await refusal({ tasks: Array.from({ length: 5000 }, () => ({})) });
    expect(problems).toHaveLength(100);
    expect(message).toBe('tasks[0].goal: is missing; every task needs a goal (and 99 more)');
  });

  test('stay short where a key is not', async () => {
    const { problems } = await refusal({ goal: 'a', metadata: { ['k'.repeat(1e6)]: 1 } });
    expect(problems).toEqual([
      {
        path: expect.any(String),
        message: 'wrong name: expected a string of at most 200 characters, got 1000000 characters',
      },
    ]);
    expect(JSON.stringify(problems).length).toBeLessThan(400);
  });
});

describe('a secret in a batch', () => {
  const key = 'sk-7Gq2';
  test.each([
    ['in a task', { tasks: [{ goal: 'a', api_key: key }] }],
    ['beside a lone goal', { goal: 'a', api_key: key }],
    ['in the defaults', { tasks: [{ goal: 'a' }], defaults: { apiKey: key } }],
    ['in the place of a level', { goal: 'a', reasoning_effort: `${key}-${'x'.repeat(30)}`, api_key: key }],
    ['as an address with a password', { tasks: [{ goal: 'a', base_url: `https://u:${key}@host` }] }],
    ['in the text of tasks', { tasks: JSON.stringify([{ goal: 'a', api_key: key }]) }],
  ])('is refused and not repeated: %s [B18]', async (_place, input) => {
    const error = await refusal(input);
    expect(error.message).toMatch(/api_?key|base_url/i);
    expect(error.message).toContain('refused: keys and addresses never travel in a batch');
    expect(inspect(error, { depth: 9, showHidden: true })).not.toContain(key);
  });

  test('is not repeated from a text that is no JSON, which a parser would quote', async () => {
    const error = await refusal({ tasks: `{"api_key":${key}}` });
    expect(inspect(error, { depth: 9, showHidden: true })).not.toContain(key.slice(0, 4));
  });
});

describe('a delegate_task payload', () => {
  const ignored = { role: 'boss', max_iterations: 9, background: true, acp_command: 'sh', acp_args: ['-c'] };

  test('is accepted, with a warning for each field that does nothing [B12] [B16] [B17]', async () => {
    const { tasks, warnings } = await parse({ ...ignored, tasks: [{ goal: 'a', ...ignored }] });
    expect(tasks).toEqual([{ goal: 'a' }]);
    const names = Object.keys(ignored);
    expect(warnings).toEqual([
      ...names.map((name) => `${name}: accepted and ignored`),
      ...names.map((name) => `${name}: accepted and ignored (in 1 task)`),
    ]);
  });

  test('is warned of once a field, however many tasks carry it', async () => {
    const tasks = Array.from({ length: 2_000 }, (_, at) => ({
      goal: 'a',
      role: 'boss',
      ...(at % 2 && { background: true }),
    }));
    expect((await parse({ tasks })).warnings).toEqual([
      'role: accepted and ignored (in 2,000 tasks)',
      'background: accepted and ignored (in 1,000 tasks)',
    ]);
  });
});

describe('values that JSON cannot carry', () => {
  const own = JSON.parse('{"goal":"a","metadata":{"__proto__":{"polluted":true}}}');
  const loop: Record<string, unknown> = {};
  loop.self = loop;
  test.each([
    ['an own key __proto__', own, 'metadata.__proto__', 'the key "__proto__" is refused'],
    ['NaN', { goal: 'a', metadata: { n: Number.NaN } }, 'metadata.n', 'expected a finite number, got NaN'],
    ['Infinity', { goal: 'a', metadata: { n: [-1 / 0] } }, 'metadata.n[0]', 'expected a finite number, got -Infinity'],
    [
      'a cycle',
      { goal: 'a', metadata: loop },
      'metadata.self',
      'expected plain JSON, got a reference to an enclosing object',
    ],
    ['a function', { goal: 'a', metadata: { f: () => 1 } }, 'metadata.f', 'expected plain JSON, got a function'],
    ['a bigint', { goal: 'a', metadata: { b: 1n } }, 'metadata.b', 'expected plain JSON, got a bigint'],
    ['a date', { goal: 'a', metadata: { d: new Date(0) } }, 'metadata.d', 'expected plain JSON, got a Date'],
    ['a map', { goal: 'a', metadata: { d: new Map() } }, 'metadata.d', 'expected plain JSON, got a Map'],
    [
      'an instance of a class',
      { goal: 'a', metadata: { u: new URL('http://h') } },
      'metadata.u',
      'expected plain JSON, got an instance of a class',
    ],
    [
      'a whole number beyond 2^53 - 1',
      { goal: 'a', metadata: { id: 2 ** 53 } },
      'metadata.id',
      'expected a number that is stored exactly, got 9007199254740992; quote it as a string',
    ],
    [
      'half of a character',
      { goal: 'a', metadata: { text: 'x\ud83d' } },
      'metadata.text',
      'expected whole characters, got half of a surrogate pair',
    ],
    [
      'a list with gaps',
      { goal: 'a', metadata: { list: Array(3) } },
      'metadata.list',
      'expected plain JSON, got a list with gaps or named fields',
    ],
    [
      'a getter that throws',
      {
        goal: 'a',
        metadata: {
          get broken() {
            throw new Error('no');
          },
        },
      },
      'metadata',
      'expected plain JSON, got a value that cannot be read',
    ],
  ])('are refused: %s', async (_what, task, path, message) => {
    expect(await problemsOf({ tasks: [task] })).toEqual({ [`tasks[0].${path}`]: message });
    expect(await problemsOf(task)).toEqual({ [path]: message });
    expect({}).not.toHaveProperty('polluted');
  });

  test('are refused where they are nested too deep, however deep that is', async () => {
    const { max_depth: deepest } = DEFAULT_LIMITS;
    expect((await parse({ tasks: [{ goal: 'a', metadata: nested(deepest - 3) }] })).tasks).toHaveLength(1);
    const tooDeep = Object.values(await problemsOf({ tasks: [{ goal: 'a', metadata: nested(5_000) }] }));
    expect(tooDeep).toEqual([`nested deeper than ${deepest} levels (limits.max_depth)`]);
    const text = `${'['.repeat(200_000)}${']'.repeat(200_000)}`;
    expect(Object.values(await problemsOf({ tasks: text }))).toEqual([
      `nested deeper than ${deepest} levels (limits.max_depth) (line 1, column 34 of the text)`,
    ]);
  });
});

test('a getter is read once, so that it cannot answer differently later', async () => {
  let reads = 0;
  const task = {
    get goal() {
      return `read ${++reads}`;
    },
  };
  expect((await parse({ tasks: [task] })).tasks).toEqual([{ goal: 'read 1' }]);
  expect(reads).toBe(1);
});

describe('the text of tasks', () => {
  test.each([
    [
      'a field that is given twice',
      '[{"goal":"a",\n"goal":"b"}]',
      'tasks[0].goal',
      /^the field is given twice \(line 2/,
    ],
    ['a 64-bit integer', '[{"goal":"a","metadata":{"id":9007199254740993}}]', 'tasks[0].metadata.id', /quote it as a/],
    ['half of a character', '[{"goal":"\\ud800"}]', 'tasks[0].goal', /^expected whole characters/],
    ['the key __proto__', '[{"goal":"a","__proto__":{}}]', 'tasks[0].__proto__', /^the key "__proto__" is refused/],
  ])('is refused with %s, by path and line', async (_what, tasks, path, message) => {
    const { problems } = await refusal({ tasks });
    expect(problems).toEqual([{ path, index: 0, message: expect.stringMatching(message) }]);
  });
});

/** How often fields were listed, and how often one was read, of a value and of all that is in it. */
type Reads = { lists: number; gets: number };

function watched<T extends object>(value: T, reads: Reads): T {
  return new Proxy(value, {
    ownKeys: (target) => {
      reads.lists++;
      return Reflect.ownKeys(target);
    },
    get: (target, name) => {
      reads.gets++;
      const field: unknown = Reflect.get(target, name);
      return typeof field === 'object' && field !== null ? watched(field, reads) : field;
    },
  });
}

/** A proxy without an end: each field has the same fields. */
function endless(): object {
  const fields = { a: 0, b: 0, c: 0 };
  return new Proxy(fields, { get: () => endless() });
}

describe('size is checked before any schema', () => {
  const many = Object.fromEntries(Array.from({ length: 60_000 }, (_, at) => [`k${at}`, at]));
  const long = 'x'.repeat(4_000_000);
  const sparse: unknown[] = [];
  sparse.length = 4e9;
  const BESIDE = /^expected at most 10000 values and 8388608 characters beside the/;
  const METADATA = /16384 bytes \(limits\.max_metadata_bytes\), got more/;
  // The number of reads is the cost. Each list is of one object, which the engine lists as a whole.
  test.each<[string, Record<string, unknown>, RegExp, Reads]>([
    ['fields of metadata', { metadata: many }, /^expected at most 50000 fields/, { lists: 2, gets: 2 }],
    ['values of metadata', { metadata: { list: Array(1e6).fill(0) } }, METADATA, { lists: 2, gets: 4 }],
    ['characters of metadata', { metadata: { list: Array(2_000).fill(long) } }, METADATA, { lists: 3, gets: 7 }],
    ['values of metadata without an end', { metadata: endless() }, /^nested deeper/, { lists: 100, gets: 300 }],
    ['values elsewhere', { toolsets: Array(1e6).fill('x') }, BESIDE, { lists: 1, gets: 3 }],
    ['values of a sparse list', { toolsets: sparse }, BESIDE, { lists: 1, gets: 3 }],
    ['characters elsewhere', { images: Array(9_000).fill(long) }, BESIDE, { lists: 2, gets: 6 }],
    ['characters in a word', { reasoning_effort: long.repeat(3) }, BESIDE, { lists: 1, gets: 2 }],
    ['bytes of context', { context: long.repeat(3) }, /1048576 bytes \(limits\.max_context/, { lists: 1, gets: 2 }],
    ['levels', { metadata: nested(5_000) }, /^nested deeper than 32 levels/, { lists: 32, gets: 33 }],
  ])('so a task with too many %s is refused after few reads', async (_what, fields, message, most) => {
    const reads = { lists: 0, gets: 0 };
    const { problems } = await refusal({ tasks: [watched({ goal: 'a', ...fields }, reads)] });
    expect(problems[0]).toMatchObject({ path: expect.stringMatching(/^tasks\[0]/), index: 0 });
    expect(problems[0]?.message).toMatch(message);
    expect(reads.lists).toBeLessThanOrEqual(most.lists);
    expect(reads.gets).toBeLessThanOrEqual(most.gets);
  });

  test('so too many tasks are refused before one is read', async () => {
    const reads = { lists: 0, gets: 0 };
    const { problems } = await refusal({ toolsets: [], tasks: watched(Array(100_001).fill({ goal: 'a' }), reads) });
    expect(problems).toMatchObject([{ path: 'tasks', message: expect.stringContaining('limits.max_tasks') }]);
    expect(reads).toEqual({ lists: 0, gets: 1 });
  });

  test('so tasks that are too large together are refused at the first one over the limit', async () => {
    const reads = { lists: 0, gets: 0 };
    const task = watched({ goal: 'a', context: 'x'.repeat(1024 * 1024) }, reads);
    const { problems } = await refusal({ tasks: Array(100_000).fill(task) });
    expect(problems).toEqual([
      {
        path: 'tasks',
        message:
          'expected at most 134217728 bytes in all (limits.max_batch_bytes), got 134217856 in the first 128 tasks',
      },
    ]);
    expect(reads).toEqual({ lists: 128, gets: 2 * 128 });
  });

  // What comes after the limit is not JSON, so a reader that went on would say so.
  test.each([
    ['tasks', `[${'{},'.repeat(100_001)}]!`, 'tasks', /^expected at most 100000 tasks .* column 300002 of the text/],
    [
      'values',
      `[{"toolsets":[${'0,'.repeat(20_000)}!`,
      'tasks[0].toolsets[18191]',
      /^expected at most 18193 values in/,
    ],
    ['fields', `[{"metadata":{${'"k":{},'.repeat(20_000)}!`, 'tasks[0].metadata.k', /given twice/],
    ['digits', `[${'1'.repeat(1e6)}!`, 'tasks[0]', /^expected a number that is stored exactly, got 1{39}…/],
    [
      'escapes',
      `[{"goal":"${'\\n'.repeat(26_000_000)}!`,
      'tasks[0].goal',
      /^expected a text of at most 50331648 characters/,
    ],
  ])('so a text with too many %s is read up to the limit', async (_what, tasks, path, message) => {
    const { problems } = await refusal({ tasks });
    expect(problems[0]).toMatchObject({ path, message: expect.stringMatching(message) });
  });

  test.each([
    ['line breaks', `[${'\n'.repeat(20_000_000)}`],
    ['escapes', `["${'\\n'.repeat(10_000_000)}`],
  ])('and a text of many %s leaves the event loop to others', async (_what, tasks) => {
    let turns = 0;
    let isReading = true;
    const count = () => {
      turns++;
      if (isReading) setImmediate(count);
    };
    setImmediate(count);
    expect((await refusal({ tasks })).message).toContain('it ends too early');
    isReading = false;
    expect(turns).toBeGreaterThan(1);
  });
});

describe('a value that cannot be read', () => {
  const { proxy: revoked, revoke } = Proxy.revocable([], {});
  revoke();
  const throwing = (trap: keyof ProxyHandler<object>) =>
    new Proxy([] as object, {
      [trap]: () => {
        throw new Error('no');
      },
    });
  const message = 'expected plain JSON, got a value that cannot be read';
  test.each<[string, unknown, string]>([
    ['a revoked proxy as batch', revoked, 'batch'],
    ['a revoked proxy as task', { tasks: [revoked] }, 'tasks[0]'],
    ['a revoked proxy as metadata', { goal: 'a', metadata: revoked }, 'metadata'],
    ['tasks without a length', { tasks: throwing('get') }, 'tasks'],
    ['an object without a prototype to read', { goal: 'a', metadata: new Proxy({}, revokedTraps()) }, 'metadata'],
  ])('is refused as every other: %s', async (_what, input, path) => {
    expect((await refusal(input)).message).toBe(`${path}: ${message}`);
  });

  function revokedTraps(): ProxyHandler<object> {
    return {
      getPrototypeOf: () => {
        throw new Error('no');
      },
    };
  }
});

describe('limits', () => {
  test('a goal of 1 MB is refused, saying how large it may be', async () => {
    const problems = await problemsOf({ tasks: [{ goal: 'ä'.repeat(512 * 1024) }] });
    expect(problems).toEqual({ 'tasks[0].goal': 'expected at most 262144 bytes (limits.max_goal_bytes), got 1048576' });
  });

  test('the metadata and the context of the batch itself count too', async () => {
    const large = 'x'.repeat(2 * 1024 * 1024);
    const tasks = [{ goal: 'a', instructions: large }];
    expect(await problemsOf({ tasks, context: large, metadata: { large } })).toEqual({
      'tasks[0].instructions': 'expected at most 1048576 bytes (limits.max_context_bytes), got 2097152',
      context: 'expected at most 1048576 bytes (limits.max_context_bytes), got 2097152',
      metadata: 'expected at most 16384 bytes (limits.max_metadata_bytes), got 2097164',
    });
  });

  test('a task that becomes too large as JSON is refused, whatever its limits allow', async () => {
    const escaped = '\u0001'.repeat(700 * 1024);
    const problems = await problemsOf({ tasks: [{ goal: 'a', context: escaped }] });
    expect(problems).toEqual({
      'tasks[0]': expect.stringMatching(/^expected at most 3670016 bytes as JSON, got 43\d{5}$/),
    });
    const limits = { ...DEFAULT_LIMITS, max_context_bytes: 64 * 1024 * 1024 };
    const { problems: wide } = await refusal({ tasks: [{ goal: 'a', context: 'x'.repeat(4 * 1024 * 1024) }] }, limits);
    expect(wide).toMatchObject([{ path: 'tasks[0]', message: expect.stringContaining('as JSON') }]);
  });

  test('100,001 tasks are refused before any is looked at [B22]', async () => {
    const { problems } = await refusal({ tasks: new Array(100_001).fill(5) });
    expect(problems).toEqual([
      {
        path: 'tasks',
        message: 'expected at most 100000 tasks (limits.max_tasks), got 100001; split them over several batches',
      },
    ]);
  });

  test('tasks that are small each may be too large together', async () => {
    const limits = { ...DEFAULT_LIMITS, max_batch_bytes: 10 };
    const { problems } = await refusal({ tasks: [{ goal: 'sixsix' }, { goal: 'sixsix' }] }, limits);
    expect(problems).toEqual([
      {
        path: 'tasks',
        message: 'expected at most 10 bytes in all (limits.max_batch_bytes), got 12 in the first 2 tasks',
      },
    ]);
  });

  test('a batch as large as allowed leaves the event loop to others while it is parsed', async () => {
    const tasks = Array.from({ length: 100_000 }, (_, index) => ({
      goal: `Look into case ${index}`,
      provider: 'openai',
    }));
    let turns = 0;
    let isParsing = true;
    const count = () => {
      turns++;
      if (isParsing) setImmediate(count);
    };
    setImmediate(count);
    expect((await parse({ tasks })).tasks).toHaveLength(100_000);
    isParsing = false;
    expect(turns).toBeGreaterThan(10);
  });
});

describe('for any JSON', () => {
  const routing: RoutingTable = {
    providers: { openai: routed('gpt') },
    delegation: { provider: 'openai' },
    precedence: 'strict',
  };
  const json = fc.jsonValue({ maxDepth: 3 }).map(withExactNumbers);
  const anything = fc.oneof(json, fc.anything({ withBigInt: true, withDate: true, withNullPrototype: true }));
  const mostly = (fitting: fc.Arbitrary<unknown>) => fc.oneof({ weight: 9, arbitrary: fitting }, anything);
  const task = fc.record(
    {
      goal: mostly(fc.string({ minLength: 1, unit: 'binary' })),
      context: fc.string(),
      reasoning_effort: mostly(fc.constantFrom('low', 'max')),
      budget: mostly(fc.record({ turns: fc.integer({ min: 1, max: 99 }), seconds: fc.double({ min: 1, max: 9 }) })),
      metadata: fc.dictionary(fc.string(), json),
      role: json,
    },
    { requiredKeys: ['goal'] },
  );
  const batch = fc.record(
    {
      tasks: fc.array(task, { minLength: 1, maxLength: 3 }),
      metadata: fc.dictionary(fc.string(), json),
      name: mostly(fc.string()),
    },
    { requiredKeys: ['tasks'] },
  );

  test('a batch is refused as BATCH_INVALID, or survives the way through Redis', async () => {
    let accepted = 0;
    await fc.assert(
      fc.asyncProperty(fc.oneof(batch, anything), async (input) => {
        try {
          await parse(input);
        } catch (error) {
          expect(error).toBeInstanceOf(ErrandError);
          expect(error).toMatchObject({ code: 'BATCH_INVALID', problems: expect.arrayContaining([expect.anything()]) });
          return;
        }
        accepted++;
        const { record, tasks } = await planBatch(input, DEFAULT_LIMITS, routing);
        expect(survivor(BatchRecord, record)).toBe(JSON.stringify(record));
        for (const { data } of tasks) expect(survivor(TaskJob, data)).toBe(JSON.stringify(data));
        expect(record.batch_id).toHaveLength(newBatchId().length);
      }),
      { numRuns: 500 },
    );
    expect(accepted).toBeGreaterThan(50);
  });

  /** Half of all doubles are whole numbers beyond 2^53 - 1, which are refused. */
  function withExactNumbers(value: unknown): unknown {
    const exact = (_key: string, inner: unknown) =>
      typeof inner === 'number' && Math.abs(inner) > Number.MAX_SAFE_INTEGER ? inner % 1000 : inner;
    return JSON.parse(JSON.stringify(value), exact);
  }

  function survivor(schema: { parse: (value: unknown) => object }, value: object): string {
    return JSON.stringify(schema.parse(JSON.parse(JSON.stringify(value))));
  }
});
