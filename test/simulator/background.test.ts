import OpenAI from 'openai';
import { afterEach, expect, test } from 'vitest';
import { type Simulator, startSimulator } from '../../src/entries/simulator.ts';

let sim: Simulator;
afterEach(() => sim.close());

/** A client of a fresh simulator, and the beginning of a background response. */
async function begin(input: string) {
  sim = await startSimulator();
  const { responses } = new OpenAI({ apiKey: 'any', baseURL: `${sim.url}/v1`, maxRetries: 0 });
  const response = await responses.create({ model: 'm', input, background: true, store: true });
  return { responses, response };
}

test('a response that nobody waits for is queued, at work, and then complete', async () => {
  const { responses, response } = await begin('[[sim: text="a b c" delta_ms=60]]');
  expect(response).toMatchObject({ status: 'queued', background: true, store: true, output: [] });
  expect(await responses.retrieve(response.id)).toMatchObject({ id: response.id, status: 'in_progress' });
  await expect.poll(async () => (await responses.retrieve(response.id)).status).toBe('completed');
  expect((await responses.retrieve(response.id)).output_text).toBe('a b c');
});

test('its events can be read from the first or after any of them, live or later', async () => {
  const { responses, response } = await begin('[[sim: text="a b c" delta_ms=10]]');
  const read = async (starting_after?: number) => {
    const query = { stream: true as const, ...(starting_after !== undefined && { starting_after }) };
    const events = await Array.fromAsync(await responses.retrieve(response.id, query));
    return events.map(({ sequence_number, type }) => `${sequence_number} ${type}`);
  };
  const all = await read();
  expect(all[0]).toBe('0 response.created');
  expect(all.at(-1)).toMatch(/ response\.completed$/);
  expect(await read()).toEqual(all);
  expect(await read(3)).toEqual(all.slice(4));
});

test('cancelling ends it and its streams; one that has ended stays as it is', async () => {
  const { responses, response } = await begin('[[sim: hang=stream after=1 delta_ms=1]]');
  const stream = await responses.retrieve(response.id, { stream: true });
  const reading = Array.fromAsync(stream).catch(() => 'ended');
  expect(await responses.cancel(response.id)).toMatchObject({ status: 'cancelled' });
  await reading;
  expect(await responses.retrieve(response.id)).toMatchObject({ status: 'cancelled' });
  const done = await responses.create({ model: 'm', input: 'Hello.', background: true });
  expect(await responses.cancel(done.id)).toMatchObject({ status: 'completed' });
});

test('an unknown response is not found, nor one that was not asked for in background', async () => {
  const { responses } = await begin('Hello.');
  const { id } = await responses.create({ model: 'm', input: 'Hello.' });
  await expect(responses.retrieve(id)).rejects.toThrow('not found');
  await expect(responses.cancel('resp_x')).rejects.toMatchObject({ status: 404 });
});
