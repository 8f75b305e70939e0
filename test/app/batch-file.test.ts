import { join } from 'node:path';
import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import { readBatchFile } from '../../src/app/batch-file.ts';
import { aFolder } from './run-cli.ts';

async function read(name: string, text: string): Promise<unknown> {
  return readBatchFile(join(aFolder({ [name]: text }), name));
}

const whole = { name: 'n', tasks: [{ goal: 'a' }, { goal: 'b' }] };

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
    /a\.jsonl, line 3: is not JSON: it ends too early at column 8/,
  ],
  [
    'the line of JSONL without an ending',
    'a',
    '{"goal":"a"}\nnonsense',
    /a, line 2: is not JSON: unexpected .* column 2/,
  ],
  ['the place in JSON', 'a.json', '{\n  "goal": }', /a\.json: is not JSON: unexpected character at line 2, column 11/],
  ['the comma too many', 'a.json', '[\n  {"goal": "a"},\n]', /unexpected character at line 3, column 1/],
  ['the quote that is missing', 'a.json', '{"goal": "a,\n"name": "b"}', /unexpected character at line 1, column 13/],
  ['the place in YAML', 'a.yaml', 'goal: a\ngoal: b', /a\.yaml: is not YAML: duplicate key at line 2, column 1/],
  ['the alias of YAML', 'a.yaml', 'goal: *x', /a\.yaml: is not YAML: unresolved alias/],
  ['that there is nothing', 'a.yaml', ' \n', /a\.yaml: expected a batch, got nothing/],
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
  expect(inspect(error, { depth: 9, showHidden: true })).toContain('is not ');
  expect(inspect(error, { depth: 9, showHidden: true })).not.toContain('sk-');
});
