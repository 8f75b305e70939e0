import { join } from 'node:path';
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
  ['the line of JSONL', 'a.jsonl', '{"goal":"a"}\n\n{"goal"\n', /a\.jsonl, line 3: is not JSON/],
  ['the line of JSONL without an ending', 'a', '{"goal":"a"}\nnonsense', /a, line 2: is not JSON/],
  ['what is wrong with JSON', 'a.json', '{"goal": }', /a\.json: is not JSON: Unexpected token/],
  ['the line of YAML', 'a.yaml', 'goal: a\n goal: [', /a\.yaml: is not YAML: (?:.|\n)* at line \d/],
  ['that there is nothing', 'a.yaml', ' \n', /a\.yaml: expected a batch, got nothing/],
])('names %s', async (_what, name, text, message) => {
  await expect(read(name, text)).rejects.toMatchObject({
    code: 'BATCH_INVALID',
    message: expect.stringMatching(message),
  });
});
