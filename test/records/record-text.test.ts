import { expect, test } from 'vitest';
import { Redactor, Secret } from '../../src/base/secret.ts';
import { masked } from '../../src/records/record-text.ts';

const KEY = 'planted-key-0123456789';

function redactor(...values: string[]): Redactor {
  const made = new Redactor();
  for (const value of values) made.watch(new Secret(value));
  return made;
}

test('a watched secret is masked wherever somebody else may have written it', () => {
  const record = {
    text: `It is ${KEY}.`,
    metadata: { provider: KEY, deep: [{ id: KEY }] },
    reply: { native: [{ id: KEY, input: { code: KEY, model: [KEY] } }], tool_calls: [{ id: KEY, name: KEY }] },
    tool_results: [{ call_id: KEY, text: KEY }],
  };
  const { text, record: clean } = masked(record, redactor(KEY));
  expect(text).not.toContain(KEY);
  expect(clean).toMatchObject({ text: 'It is [secret].', reply: { native: [{ id: '[secret]' }] } });
});

test('words of ours stay readable where a key happens to be one of them', () => {
  const record = { provider: 'openai', status: 'failed', cleanup: { steps: [{ kind: 'client', actor: 'owner' }] } };
  expect(masked(record, redactor('openai', 'failed', 'client')).record).toEqual(record);
});
