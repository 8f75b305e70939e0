import { expect, test } from 'vitest';
import { z } from 'zod';
import { Redactor, Secret } from '../../src/base/secret.ts';
import { contract } from '../../src/contract/fits.ts';
import { NO_USAGE, Usage } from '../../src/contract/usage.ts';
import { checked, masked } from '../../src/records/record-text.ts';

const ANY = contract(z.looseObject({}));

const KEY = 'planted-key-0123456789';

function redactor(...values: string[]): Redactor {
  const made = new Redactor();
  for (const value of values) made.watch(new Secret(value));
  return made;
}

test('a watched secret is masked, no matter who wrote it [B154]', () => {
  const record = {
    text: `It is ${KEY}.`,
    metadata: { provider: KEY, deep: [{ id: KEY }] },
    reply: { native: [{ id: KEY, input: { code: KEY, model: [KEY] } }], tool_calls: [{ id: KEY, name: KEY }] },
    tool_results: [{ call_id: KEY, text: KEY }],
  };
  const { text, record: clean } = masked(checked(ANY, record), redactor(KEY));
  expect(text).not.toContain(KEY);
  expect(clean).toMatchObject({ text: 'It is [secret].', reply: { native: [{ id: '[secret]' }] } });
});

test('our own words stay readable if a key happens to be one of them', () => {
  const record = { provider: 'openai', status: 'failed', cleanup: { steps: [{ kind: 'client', actor: 'owner' }] } };
  expect(masked(checked(ANY, record), redactor('openai', 'failed', 'client')).record).toEqual(record);
});

test('a record that does not fit its schema is not written', () => {
  const usage = { ...NO_USAGE, input_tokens: 1e300 };
  expect(() => checked(Usage, usage)).toThrow(
    expect.objectContaining({
      code: 'INTERNAL',
      message: expect.stringContaining('a record was not written: input_tokens'),
    }),
  );
  expect(masked(checked(Usage, NO_USAGE), redactor()).text).toBe(JSON.stringify(NO_USAGE));
});
