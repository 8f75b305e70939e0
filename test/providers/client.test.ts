import { afterEach, expect, test } from 'vitest';
import type { Simulator } from '../../src/entries/simulator.ts';
import { ask, KEY, modelOf, openModel, providerAt, sendEvents, serve, simulate, WIRES } from './models.ts';

let sim: Simulator;
afterEach(() => sim?.close());

/** Resolves when the simulator holds `count` requests. */
function received(count: number): Promise<void> {
  return new Promise((resolve) => {
    sim.onRequest((_, phase) => phase === 'received' && sim.inFlight === count && resolve());
  });
}

function allEnded(): Promise<void> {
  return new Promise((resolve) => {
    sim.onRequest((_, phase) => phase === 'ended' && sim.inFlight === 0 && resolve());
  });
}

test('says what the model really runs on [B74]', async () => {
  const provider = providerAt('messages', 'https://llm.acme.example:8443', { name: 'acme' });
  expect((await openModel(provider, 'claude-opus-5-5', 'none')).effective).toEqual({
    provider: 'acme',
    model: 'claude-opus-5-5',
    reasoning_effort: 'low',
    effort_treatment: 'clamped',
    endpoint_host: 'llm.acme.example:8443',
    wire: 'messages',
    credential_id: 'env:ACME_API_KEY',
  });
});

test('closing aborts the calls in flight, at both ends, and says how many there were', async () => {
  sim = await simulate({ text: 'never to be finished', hang: 'stream', after: 1 });
  const { model, close } = await openModel(providerAt('responses', sim.url));
  const underWay = received(2);
  const turns = [1, 2].map(() => model.turn(ask(), new AbortController().signal));
  const settled = Promise.allSettled(turns);
  await underWay;
  const serverSide = allEnded();
  expect(await close()).toEqual({ aborted: 2, inFlight: 0 });
  await serverSide;
  expect(sim.requests().map((request) => request.ended)).toEqual(['client_closed', 'client_closed']);
  expect((await settled).map((result) => result.status)).toEqual(['rejected', 'rejected']);
});

test('a closed model refuses further calls, and may be closed again', async () => {
  sim = await simulate();
  const { model, close } = await openModel(providerAt('chat', sim.url));
  expect(await close()).toEqual({ aborted: 0, inFlight: 0 });
  expect(await close()).toEqual({ aborted: 0, inFlight: 0 });
  await expect(model.turn(ask(), new AbortController().signal)).rejects.toThrow('was closed');
  expect(sim.requests()).toEqual([]);
});

test.each([
  ['authorization', { authorization: `Bearer ${KEY}` }],
  ['x-api-key', { 'x-api-key': KEY }],
  ['api-key', { 'api-key': KEY }],
])('the key travels in the header %s and in no other', async (key_header, expected) => {
  const seen: Record<string, unknown>[] = [];
  const server = await serve((req, res) => {
    const carrying = Object.entries(req.headers).filter(([, value]) => String(value).includes(KEY));
    seen.push(Object.fromEntries(carrying));
    sendEvents(res, []);
  });
  for (const wire of WIRES) {
    const { model } = modelOf(providerAt(wire, server.url, { key_header }));
    await model.turn(ask(), new AbortController().signal).catch(() => undefined);
  }
  await server.close();
  expect(seen).toEqual([expected, expected, expected]);
});
