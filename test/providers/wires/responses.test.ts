import { expect, onTestFinished, test } from 'vitest';
import { ask, modelOf, providerAt, simulate } from '../models.ts';

const live = () => new AbortController().signal;

test.each([
  ['gpt-5.6-sol', ['reasoning.encrypted_content']],
  ['a-model-nobody-knows', ['reasoning.encrypted_content']],
  ['gpt-4.1', []],
  ['gpt-5-chat-latest', []],
])('%s is asked for %j, which is what it can give', async (model, include) => {
  const sim = await simulate();
  onTestFinished(() => sim.close());
  await modelOf(providerAt('responses', sim.url), model).model.turn(ask(), live());
  expect(JSON.parse(sim.requests()[0]?.body ?? '')).toMatchObject({ include });
});

test('a budget below the minimum of the provider is used up, and nothing is sent', async () => {
  const sim = await simulate();
  onTestFinished(() => sim.close());
  const { model } = modelOf(providerAt('responses', sim.url));
  await expect(model.turn(ask('x', { maxOutputTokens: 15 }), live())).rejects.toMatchObject({ code: 'BUDGET_TOKENS' });
  expect(sim.requests()).toEqual([]);
  await model.turn(ask('x', { maxOutputTokens: 16 }), live());
});
