const MILLION = 1_000_000;
const HUGE = 100 * 1024 * 1024;

/** Makes the input again for each round, because V8 caches facts about an object. */
type Inputs = Readonly<Record<string, () => unknown>>;

function keyed(count: number): Record<string, unknown> {
  const fields: Record<string, unknown> = {};
  for (let at = 0; at < count; at++) fields[`k${at}`] = at;
  return fields;
}

function fieldsText(count: number): string {
  return `{${Array.from({ length: count }, (_, at) => `"k${at}":${at}`).join()}}`;
}

function nested(levels: number): unknown {
  let value: unknown = {};
  for (let at = 0; at < levels; at++) value = { in: value };
  return value;
}

function sparse(length: number): unknown[] {
  const list: unknown[] = [];
  list.length = length;
  return list;
}

/** A text of 100 million characters, in one piece of memory. */
function huge(unit = 'x'): string {
  return Buffer.from(unit.repeat(HUGE)).toString();
}

/** A proxy whose fields are proxies, without end. */
function endless(): object {
  const target: object = new Proxy(
    {},
    {
      ownKeys: () => ['a', 'b', 'c'],
      getOwnPropertyDescriptor: () => ({ value: 1, enumerable: true, configurable: true }),
      get: () => endless(),
    },
  );
  return target;
}

/** Batches as a program holds them. */
export const objects: Inputs = {
  '1M keys in metadata of a task': () => ({ tasks: [{ goal: 'a', metadata: keyed(MILLION) }] }),
  '1M keys in metadata of a batch': () => ({ goal: 'a', metadata: keyed(MILLION) }),
  '1M keys in a batch': () => ({ goal: 'a', ...keyed(MILLION) }),
  '1M keys in defaults': () => ({ goal: 'a', defaults: keyed(MILLION) }),
  '50,000 keys in each of 1,000 tasks': () => {
    const metadata = keyed(50_000);
    return { tasks: Array.from({ length: 1_000 }, () => ({ goal: 'a', metadata })) };
  },
  '1M tasks': () => ({ tasks: Array.from({ length: MILLION }, () => ({ goal: 'a' })) }),
  '1M tasks with toolsets beside': () => ({
    toolsets: [],
    tasks: Array.from({ length: MILLION }, () => ({ goal: 'a' })),
  }),
  '1M toolsets': () => ({ goal: 'a', toolsets: Array(MILLION).fill('workspace') }),
  '1M levels': () => ({ goal: 'a', metadata: nested(MILLION) }),
  'a sparse list of 4e9 tasks': () => ({ tasks: sparse(4e9) }),
  'a sparse list of 4e9 toolsets': () => ({ goal: 'a', toolsets: sparse(4e9) }),
  '100 MB goal': () => ({ goal: huge() }),
  '100 MB goal of two-byte characters': () => ({ goal: huge('€') }),
  '100 MB goal of spaces': () => ({ goal: huge(' ') }),
  '100 MB context': () => ({ goal: 'a', context: huge('€') }),
  '100 MB name of spaces': () => ({ goal: 'a', name: huge(' ') }),
  '100 MB idempotency_key': () => ({ goal: 'a', idempotency_key: huge('€') }),
  '100 MB model of colons': () => ({ goal: 'a', model: huge(':') }),
  '100 MB model of words': () => ({ goal: 'a', model: `-- ${huge('a ')}` }),
  '100 MB effort': () => ({ goal: 'a', reasoning_effort: huge('É') }),
  '100 MB action of spaces': () => ({ goal: 'a', action: huge(' ') }),
  '100 MB key in metadata': () => ({ goal: 'a', metadata: { [huge('€')]: 1 } }),
  '9,000 times one text of 4 MB': () => ({ goal: 'a', images: Array(9_000).fill('€'.repeat(4_000_000)) }),
  '100,000 tasks of one context of 1 MB': () => {
    const context = '€'.repeat(349_000);
    return { tasks: Array.from({ length: 100_000 }, () => ({ goal: 'a', context })) };
  },
  'a typed array of 100 MB in metadata': () => ({ goal: 'a', metadata: { bytes: new Uint8Array(HUGE) } }),
  'a typed array as tasks': () => ({ tasks: new Uint8Array(HUGE) }),
  'a Map of 1M as metadata': () => ({
    goal: 'a',
    metadata: new Map(Array.from({ length: MILLION }, (_, at) => [at, at])),
  }),
  'a Set of 1M as tasks': () => ({ tasks: new Set(Array.from({ length: MILLION }, (_, at) => at)) }),
  'proxies without an end': () => ({ goal: 'a', metadata: { endless: endless() } }),
};

/** `tasks` as one text, as models write it. */
export const texts: Inputs = Object.fromEntries(
  Object.entries({
    'text: 1M keys in metadata': () => ({ tasks: `[{"goal":"a","metadata":${fieldsText(MILLION)}}]` }),
    'text: 1M tasks': () => ({ tasks: `[${'{"goal":"a"},'.repeat(MILLION)}{}]` }),
    'text: 80M tasks': () => ({ tasks: `[${'{},'.repeat(80 * MILLION)}{}]` }),
    'text: 1M levels': () => ({ tasks: `${'['.repeat(MILLION)}${']'.repeat(MILLION)}` }),
    'text: 1M toolsets': () => ({ tasks: `[{"goal":"a","toolsets":[${'"workspace",'.repeat(MILLION)}"x"]}]` }),
    'text: 100 MB goal': () => ({ tasks: `[{"goal":"${huge()}"}]` }),
    'text: 100 MB of escapes': () => ({ tasks: `[{"goal":"${'\\n'.repeat(HUGE / 2)}"}]` }),
    'text: 100 MB of line breaks': () => ({ tasks: `[${huge('\n')}]` }),
    'text: 1M lines, then 100 faults': () => ({ tasks: `[${'\n'.repeat(MILLION)}${'{"a":1,"a":1},'.repeat(200)}{}]` }),
    'text: a number of 100 MB': () => ({ tasks: `[${huge('1')}]` }),
    'text: 300 MB': () => ({ tasks: huge().repeat(3) }),
    // The text of a request is one piece of memory; that of a sum or a repetition becomes one when it is first read.
  }).map(([name, make]) => [name, () => ({ tasks: Buffer.from(make().tasks).toString() })]),
);

/** Files of batches, by name. */
export const files: Readonly<Record<string, () => string>> = {
  '1M-keys.json': () => `{"goal":"a","metadata":${fieldsText(MILLION)}}`,
  '1M-tasks.json': () => `[${'{"goal":"a"},'.repeat(MILLION)}{}]`,
  '1M-lines.jsonl': () => '{"goal":"a"}\n'.repeat(MILLION),
  '1M-keys.yaml': () => `goal: a\nmetadata: ${fieldsText(MILLION).replaceAll(':', ': ')}`,
  '1M-levels.yaml': () => '['.repeat(MILLION),
};
