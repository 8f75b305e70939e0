import { afterEach, expect, test } from 'vitest';
import { Secret } from '../../../src/base/secret.ts';
import { Provider } from '../../../src/catalogue/provider.ts';
import type { Directive, Simulator } from '../../../src/entries/simulator.ts';
import { Models } from '../../../src/providers/models.ts';
import { ask, KEY, modelOf, providerAt, simulate } from '../models.ts';

let sim: Simulator;
afterEach(() => sim.close());

const MARK = { errand_deployment: 'd', errand_task: 't' };

const live = () => new AbortController().signal;

/** A model in the background over a simulator that does what the directives say, and the ids it notes. */
async function inBackground(...steps: Directive[]) {
  sim = await simulate(...steps);
  const provider = providerAt('responses', sim.url, { background: true });
  const noted: string[] = [];
  const ties = (known?: string) => ({ known, mark: MARK, note: async (id: string) => void noted.push(id) });
  return { model: modelOf(provider).model, provider, noted, ties };
}

const asked = () => sim.requests().map(({ method }) => method);

test('notes the response before it tells a word of it', async () => {
  const { model } = await inBackground({ text: 'Quite well.' });
  const told: string[] = [];
  const background = { known: undefined, mark: MARK, note: async (id: string) => void told.push(id) };
  const onText = (piece: string) => told.push(piece);
  expect(await model.turn(ask('How are you?', { background, onText }), live())).toMatchObject({ text: 'Quite well.' });
  expect(told[0]).toMatch(/^resp_/);
  expect(told.slice(1).join('')).toBe('Quite well.');
});

test('reads no further where noting fails, and fails with its error', async () => {
  const { model } = await inBackground({ text: 'Never told.' });
  const refusal = Object.assign(new Error('no'), { name: 'Refusal' });
  const pieces: string[] = [];
  const background = { known: undefined, mark: MARK, note: () => Promise.reject(refusal) };
  const turn = model.turn(ask('Hm?', { background, onText: (piece) => pieces.push(piece) }), live());
  await expect(turn).rejects.toThrow('no');
  expect(pieces).toEqual([]);
});

test('takes a response that ended earlier for the turn, with tools, usage and cut-off', async () => {
  const { model, noted, ties } = await inBackground({ tool: 'add', args: { a: 1 }, input_tokens: 90 });
  const first = await model.turn(ask('One?', { background: ties() }), live());
  const again = await model.turn(ask('One?', { background: ties(noted[0]) }), live());
  expect({ ...again, request_id: '' }).toEqual({ ...first, request_id: '' });
  expect(first).toMatchObject({ stop: 'tools', usage: { input_tokens: 90 } });
  expect(noted[1]).toBe(noted[0]);
  expect(asked()).toEqual(['POST', 'GET']);
});

test('reads a response that is still at work from its first word to its last', async () => {
  const { model, noted, ties } = await inBackground({ text: 'one two three four five six', delta_ms: 60 });
  const leave = new AbortController();
  const onText = () => leave.abort(new Error('left'));
  await model.turn(ask('Count.', { background: ties(), onText }), leave.signal).catch(() => undefined);
  const pieces: string[] = [];
  const read = { background: ties(noted[0]), onText: (piece: string) => pieces.push(piece) };
  expect(await model.turn(ask('Count.', read), live())).toMatchObject({ text: 'one two three four five six' });
  expect(pieces.join('')).toBe('one two three four five six');
  expect(asked()).toEqual(['POST', 'GET', 'GET']);
});

test.each([
  ['that the provider does not know', undefined, 'resp_gone'],
  ['that failed', 'failed', undefined],
  ['that was cancelled', 'cancelled', undefined],
])('asks anew instead of a response %s', async (_, fate, gone) => {
  const { model, provider, noted, ties } = await inBackground(
    fate === 'failed' ? { fail: 'response' } : { hang: 'stream', after: 1, delta_ms: 1 },
    { text: 'Anew.' },
  );
  const leave = new AbortController();
  const onText = () => leave.abort(new Error('left'));
  await model.turn(ask('Hm?', { background: ties(), onText }), leave.signal).catch(() => undefined);
  if (fate === 'cancelled') await new Models().cancel(provider, credential, { id: noted[0] ?? '', mark: MARK }, live());
  const turn = await model.turn(ask('Hm?', { background: ties(gone ?? noted[0]) }), live());
  expect(turn.text).toBe('Anew.');
  expect(noted).toHaveLength(2);
  expect(noted[1]).not.toBe(noted[0]);
});

const credential = { id: 'env:ACME_API_KEY', secret: new Secret(KEY) };

test('cancelling says how the response ended, also for an ended or unknown one', async () => {
  const { model, provider, noted, ties } = await inBackground({ hang: 'stream', after: 1, delta_ms: 1 }, { text: 'x' });
  const leave = new AbortController();
  const onText = () => leave.abort(new Error('left'));
  await model.turn(ask('Hm?', { background: ties(), onText }), leave.signal).catch(() => undefined);
  await model.turn(ask('Hm?', { background: ties() }), live());
  const cancel = (id = '') => new Models().cancel(provider, credential, { id, mark: MARK }, live());
  expect([await cancel(noted[0]), await cancel(noted[0]), await cancel(noted[1]), await cancel('resp_gone')]).toEqual([
    'cancelled',
    'cancelled',
    'completed',
    'gone',
  ]);
});

test('a provider may ask for it with wire "responses" only', async () => {
  await inBackground();
  const fields = { name: 'x', base_url: sim.url, credential: 'none', background: true };
  expect(Provider.safeParse({ ...fields, wire: 'responses' }).success).toBe(true);
  const refused = Provider.safeParse({ ...fields, wire: 'chat' });
  expect(refused.error?.issues).toMatchObject([
    { path: ['background'], message: expect.stringContaining('responses') },
  ]);
});
