import { execFileSync, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { describe, expect, onTestFinished, test } from 'vitest';
import { readBatchFile } from '../../src/app/batch-file/read-batch-file.ts';
import { DEFAULT_LIMITS } from '../../src/contract/limits.ts';
import { aFolder } from './run-cli.ts';

async function read(name: string, text: string): Promise<unknown> {
  return readBatchFile(join(aFolder({ [name]: text }), name), DEFAULT_LIMITS);
}

const whole = { name: 'n', tasks: [{ goal: 'a' }, { goal: 'b' }] };

test.each([
  ['JSONL', 'a.jsonl', '{"batch":{}}\n{"goal":"a"}\n{"goal":"b"}\n!', 3],
  ['JSON', 'a.json', '[{"goal":"a"},\n{"goal":"b"},\n!', 2],
  ['JSON with options', 'a.json', '{"metadata":{"tasks":[1,2]},"tasks":[{"goal":"a"},\n{"goal":"b"},\n!', 2],
])('%s with too many tasks is read up to the limit', async (_form, name, text, line) => {
  const file = join(aFolder({ [name]: text }), name);
  const what = 'expected at most 1 tasks (limits.max_tasks), got more; split them over several batches';
  const message = `${what} (line ${line} of ${file})`;
  await expect(readBatchFile(file, { ...DEFAULT_LIMITS, max_tasks: 1 })).rejects.toMatchObject({
    code: 'BATCH_INVALID',
    problems: [{ path: 'tasks', message }],
  });
});

describe('reads a batch', () => {
  test.each([
    ['JSON', 'batch.json', JSON.stringify(whole, null, 2)],
    ['YAML', 'batch.yml', 'name: n\ntasks:\n  - goal: a\n  - goal: b\n'],
    ['JSONL with options in the first line', 'batch.jsonl', '{"batch":{"name":"n"}}\n{"goal":"a"}\n\n{"goal":"b"}\n'],
    ['JSON without an ending that tells', 'batch', JSON.stringify(whole, null, 2)],
    ['JSON on one line without an ending', 'batch', JSON.stringify(whole)],
    ['YAML without an ending', 'batch', 'name: n\ntasks: [{ goal: a }, { goal: b }]'],
    ['JSONL without an ending', 'batch.txt', '{"batch":{"name":"n"}}\r\n{"goal":"a"}\r\n{"goal":"b"}'],
    ['JSON behind a byte order mark', 'batch.json', `\uFEFF${JSON.stringify(whole)}`],
  ])('in %s', async (_form, name, text) => {
    expect(await read(name, text)).toEqual(whole);
  });

  test.each([
    ['JSON', 'tasks.json', JSON.stringify(whole.tasks)],
    ['YAML', 'tasks.yaml', '- goal: a\n- goal: b\n'],
    ['JSONL', 'tasks.ndjson', '{"goal":"a"}\n{"goal":"b"}\n'],
  ])('that is but tasks in %s', async (_form, name, text) => {
    expect(await read(name, text)).toEqual({ tasks: whole.tasks });
  });
});

test.each([
  [
    'the line of JSONL',
    'a.jsonl',
    '{"goal":"a"}\n\n{"goal"\n',
    /a\.jsonl: is not JSON: it ends too early at line 3, column 8, in tasks\[1]/,
  ],
  [
    'the line of JSONL without an ending',
    'a',
    '{"goal":"a"}\nnonsense',
    /a: is not JSON: unexpected character at line 2, column 1/,
  ],
  ['the place in JSON', 'a.json', '{\n  "goal": }', /a\.json: is not JSON: unexpected character at line 2, column 11/],
  ['the comma too many', 'a.json', '[\n  {"goal": "a"},\n]', /unexpected character at line 3, column 1/],
  ['the quote that is missing', 'a.json', '{"goal": "a,\n"name": "b"}', /unexpected character at line 1, column 13/],
  ['the place in YAML', 'a.yaml', 'goal: a\n goal: b', /a\.yaml: is not YAML: .* at line 1, column 7/],
  ['the alias of YAML', 'a.yaml', 'goal: *x', /goal: the alias has no anchor \(line 1 of .*a\.yaml\)/],
  ['that there is nothing', 'a.yaml', ' \n', /a\.yaml: expected a batch, got an empty file/],
  [
    'a task beside the options',
    'a.jsonl',
    '{"batch":{},"goal":"a"}\n',
    /line 1: expected "batch" alone, got "goal" beside/,
  ],
  ['tasks among the options', 'a.jsonl', '{"batch":{"tasks":[]}}\n', /line 1: expected the options .* got "tasks"/],
])('names %s', async (_what, name, text, message) => {
  await expect(read(name, text)).rejects.toMatchObject({
    code: 'BATCH_INVALID',
    message: expect.stringMatching(message),
    remedy: expect.stringMatching(/^(Fix|Write) .*a/),
  });
});

test.each([
  ['a.json', '{"goal": "a", "note": sk-7Gq2}'],
  ['a.jsonl', '{"goal": "a", "note": sk-7Gq2}'],
  ['a.yaml', 'goal: a\nkey: sk-7Gq2\nkey: *sk-7Gq2'],
])('repeats nothing of %s that does not parse: it may hold a key', async (name, text) => {
  const error: unknown = await read(name, text).catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ code: 'BATCH_INVALID' });
  expect(inspect(error, { depth: 9, showHidden: true })).not.toContain('sk-');
});

describe('refuses what would be changed, by path and line:', () => {
  test.each([
    ['JSON with a field given twice', 'a.json', '{"tasks": [\n{"goal": "a",\n"goal": "b"}]}', 'tasks[0].goal', 3],
    [
      'JSON with a field given twice in two spellings',
      'a.json',
      '{"tasks":[{"goal":"a","g\\u006fal":"b"}]}',
      'tasks[0].goal',
      1,
    ],
    [
      'JSON with a 64-bit integer',
      'a.json',
      '[{"goal":"a"},\r\n{"metadata":{"id":9007199254740993}}]',
      'tasks[1].metadata.id',
      2,
    ],
    ['JSON with a number out of range', 'a.json', '[{"metadata":{"n":[0,\r1e400]}}]', 'tasks[0].metadata.n[1]', 2],
    [
      'JSON with more digits than a double',
      'a.json',
      '[{"metadata":{"n":0.1000000000000000055511151231257827}}]',
      'tasks[0].metadata.n',
      1,
    ],
    ['JSON with half of a character', 'a.json', '[{"goal":"\\ud83d"}]', 'tasks[0].goal', 1],
    ['JSON with __proto__', 'a.json', '{"metadata":{"__proto__":{}}}', 'metadata.__proto__', 1],
    [
      'JSONL with a 64-bit integer',
      'a.jsonl',
      '{"batch":{}}\n\n{"metadata":{"id":-9007199254740993}}',
      'tasks[0].metadata.id',
      3,
    ],
    ['YAML with a field given twice', 'a.yaml', 'goal: a\r\ngoal: b', 'goal', 2],
    ['YAML with a number and a text of one name', 'a.yaml', 'metadata: {1: a, "1": b}', 'metadata.1', 1],
    [
      'YAML with a 64-bit integer',
      'a.yaml',
      '- goal: a\n  metadata:\n    id: 9007199254740993',
      'tasks[0].metadata.id',
      3,
    ],
    ['YAML with a leading zero', 'a.yaml', 'metadata:\n  zip: 01234', 'metadata.zip', 2],
    ['YAML with an octal number', 'a.yaml', 'metadata: {n: 0o17}', 'metadata.n', 1],
    ['YAML with a hexadecimal number', 'a.yaml', 'metadata: {n: 0x1F}', 'metadata.n', 1],
    ['YAML with an infinity', 'a.yaml', 'metadata: {n: .inf}', 'metadata.n', 1],
    ['YAML with a tag', 'a.yaml', 'metadata:\n  n: !!binary aGk=', '', 2],
    ['YAML with a tag of its own', 'a.yaml', 'metadata: {n: !secret x}', '', 1],
    ['YAML with a merge key', 'a.yaml', 'a: &a {goal: x}\nb:\n  <<: *a', 'b', 3],
    ['YAML with __proto__', 'a.yaml', 'metadata:\n  __proto__: 1', 'metadata.__proto__', 2],
    ['YAML with half of a character', 'a.yaml', 'goal: "\\ud800"', 'goal', 1],
    ['YAML with an alias to itself', 'a.yaml', 'metadata: &m\n  m: *m', 'metadata.m', 2],
  ])('%s', async (_what, name, text, path, line) => {
    const error: unknown = await read(name, text).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'BATCH_INVALID', remedy: expect.stringMatching(`^Fix line ${line} of `) });
    if (path !== '') expect(error).toHaveProperty('problems.0.path', path);
  });

  test('all of them at once', async () => {
    const text = '[{"metadata":{"a":1e400}},\n{"metadata":{"b":1,"b":2}},\n{"goal":"\\udc00"}]';
    await expect(read('a.json', text)).rejects.toMatchObject({
      problems: ['tasks[0].metadata.a', 'tasks[1].metadata.b', 'tasks[2].goal'].map((path, index) => ({ path, index })),
      remedy: expect.stringMatching(/^Fix the lines 1, 2, 3 of /),
    });
  });
});

test('YAML keeps as texts what only YAML 1.1 takes for something else', async () => {
  const text = 'metadata: {a: yes, b: no, c: 2024-01-01, d: 1_000, e: 1:30, 1.0: x, ~: y, "<<": z}';
  expect(await read('a.yaml', text)).toEqual({
    metadata: { a: 'yes', b: 'no', c: '2024-01-01', d: '1_000', e: '1:30', '1.0': 'x', '~': 'y', '<<': 'z' },
  });
});

test('an alias means the last anchor before it, also in what another alias repeats', async () => {
  const text = 'a: &x 1\nb: &y [*x]\nc: &x 2\nd: *y\ne: *x';
  expect(await read('a.yaml', text)).toEqual({ a: 1, b: [1], c: 2, d: [1], e: 2 });
});

test.each([
  [
    'aliases that multiply',
    'a.yaml',
    Array.from({ length: 30 }, (_, at) => `a${at}: &a${at} [${at ? `*a${at - 1}, *a${at - 1}` : 1}]`).join('\n'),
  ],
  ['a deep flow', 'a.yaml', `goal: ${'['.repeat(50_000)}`],
  ['a deep flow of lists with items', 'a.yaml', `goal: ${'[a, '.repeat(1_000_000)}`],
  ['a deep block', 'a.yaml', '- '.repeat(1_000_000)],
  ['deep JSON', 'a.json', '['.repeat(1_000_000)],
  ['fields by the ten thousand', 'a.json', `{${Array.from({ length: 60_000 }, (_, at) => `"k${at}":0`)}}`],
  ['YAML 1.1', 'a.yaml', '%YAML 1.1\n---\ngoal: yes'],
  ['two documents', 'a.yaml', 'goal: a\n---\ngoal: b'],
  ['a tab that indents', 'a.yaml', 'tasks:\n\t- goal: a'],
])('refuses %s', async (_what, name, text) => {
  await expect(read(name, text)).rejects.toMatchObject({ code: 'BATCH_INVALID' });
});

describe('reads bytes', () => {
  const umlaut = '[{"goal":"größer 😀"}]';
  const readBytes = (bytes: Buffer | number[]) => {
    const folder = aFolder();
    writeFileSync(join(folder, 'a.json'), Buffer.from(bytes));
    return readBatchFile(join(folder, 'a.json'), DEFAULT_LIMITS);
  };
  test.each([
    ['UTF-8', Buffer.from(umlaut)],
    ['UTF-8 with a byte order mark', Buffer.from(`\ufeff${umlaut}`)],
    ['UTF-16LE with a byte order mark', Buffer.from(`\ufeff${umlaut}`, 'utf16le')],
    ['UTF-16BE with a byte order mark', Buffer.from(`\ufeff${umlaut}`, 'utf16le').swap16()],
  ])('of %s', async (_encoding, bytes) => {
    expect(await readBytes(bytes)).toEqual({ tasks: [{ goal: 'größer 😀' }] });
  });

  const long = `[\n${'"ä😀€",\n'.repeat(2_000)}`;
  test.each([
    ['Latin-1', Buffer.from('[\r{"goal":"größer"}]', 'latin1'), /byte 0xF6 at offset 13, line 2; it may be Latin-1/],
    [
      'Latin-1 late in the file',
      Buffer.concat([Buffer.from(long), Buffer.from('ö"]', 'latin1')]),
      new RegExp(`offset ${Buffer.byteLength(long)}, line 2002;`),
    ],
    [
      'UTF-8 that is cut',
      Buffer.from('["a😀').subarray(0, 5),
      /ends in the middle of a character, byte 0xF0 at offset 3, line 1/,
    ],
    ['UTF-8 of a surrogate', [0x22, 0xed, 0xa0, 0x80, 0x22], /is not UTF-8: byte 0xED at offset 1/],
    [
      'UTF-16LE without a mark',
      Buffer.from(umlaut, 'utf16le'),
      /is UTF-16LE without a byte order mark, expected UTF-8/,
    ],
    ['UTF-16BE without a mark', Buffer.from('[]', 'utf16le').swap16(), /is UTF-16BE without a byte order mark/],
    ['UTF-32LE without a mark', [0x5b, 0, 0, 0, 0xf6, 0, 0, 0], /is UTF-32LE without a byte order mark/],
    ['UTF-32BE without a mark', [0, 0, 0, 0x5b, 0, 0, 0, 0xf6], /is UTF-32BE without a byte order mark/],
    ['UTF-16 that begins beyond Latin-1', Buffer.from('€["', 'utf16le'), /byte 0xAC at offset 0/],
    ['UTF-16 that is cut', Buffer.from('\ufeff[]', 'utf16le').subarray(0, 5), /is not UTF-16LE: it ends in the middle/],
    [
      'UTF-16 with half of a character',
      Buffer.from('\ufeff"\ud83d"', 'utf16le'),
      /half of a surrogate pair at offset 4, line 1/,
    ],
    ['UTF-32', [0xff, 0xfe, 0, 0, 0x5b, 0, 0, 0], /is UTF-32, expected UTF-8/],
    ['a NUL', Buffer.from('["a",\n"\0"]'), /has a NUL at line 2, column 2/],
  ])('and refuses %s, naming the place', async (_encoding, bytes, message) => {
    await expect(readBytes(bytes)).rejects.toMatchObject({
      code: 'BATCH_INVALID',
      message: expect.stringMatching(message),
      remedy: expect.stringMatching(/^(Save|Create) /),
    });
  });
});

describe('a name that leads to no file', () => {
  test('is missing, or a directory', async () => {
    const folder = aFolder();
    await expect(readBatchFile(join(folder, 'no.json'), DEFAULT_LIMITS)).rejects.toMatchObject({
      code: 'FILE_NOT_FOUND',
    });
    await expect(readBatchFile(folder, DEFAULT_LIMITS)).rejects.toMatchObject({
      message: expect.stringMatching(/is a directory, expected a file$/),
    });
  });

  test('is a pipe that never ends: the reader stops at the limit', async () => {
    const fifo = join(aFolder(), 'a.json');
    execFileSync('mkfifo', [fifo]);
    const writer = spawn('sh', ['-c', 'cat /dev/zero > "$0"', fifo]);
    onTestFinished(() => void writer.kill('SIGKILL'));
    await expect(readBatchFile(fifo, { ...DEFAULT_LIMITS, max_batch_bytes: 1 })).rejects.toMatchObject({
      message: expect.stringMatching(/expected at most 1048576 bytes, got more$/),
      remedy: expect.stringContaining('limits.max_batch_bytes'),
    });
  });
});
