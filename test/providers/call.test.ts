import { type AddressInfo, createServer } from 'node:net';
import Anthropic from '@anthropic-ai/sdk';
import OpenAI from 'openai';
import { afterEach, describe, expect, onTestFinished, test } from 'vitest';
import type { Wire } from '../../src/contract/route.ts';
import type { Directive, Simulator } from '../../src/entries/simulator.ts';
import type { FailureCode } from '../../src/errors.ts';
import { ask, faultOfTurn, modelOf, openModel, providerAt, serve, simulate, WIRES } from './models.ts';

let sim: Simulator;
afterEach(() => sim?.close());

async function simulated(wire: Wire, directive: Directive, more: Record<string, unknown> = {}) {
  sim = await simulate(directive);
  return providerAt(wire, sim.url, more);
}

/** Resolves when the simulator has seen a request end. */
function requestEnded(): Promise<string | null> {
  return new Promise((resolve) => {
    sim.onRequest((request, phase) => phase === 'ended' && resolve(request.ended));
  });
}

describe.each(WIRES)('a call on the %s wire', (wire) => {
  const faults: [string, Directive, FailureCode][] = [
    ['is cut before the headers', { cut: 'headers' }, 'PROVIDER_UNREACHABLE'],
    ['is reset in the body', { cut: 'reset', after: 2 }, 'PROVIDER_UNREACHABLE'],
    ['ends cleanly before its terminal event', { cut: 'clean', after: 2 }, 'PROVIDER_STREAM_CUT'],
    ['ends cleanly before its first delta', { cut: 'clean' }, 'PROVIDER_STREAM_CUT'],
    ['sends broken JSON', { malformed: 'json', after: 1 }, 'PROVIDER_MALFORMED'],
    ['sends a web page', { malformed: 'html' }, 'PROVIDER_MALFORMED'],
    ['fails in the stream', { fail: 'event', after: 1 }, 'PROVIDER_FAILED'],
  ];
  test.each(faults)('that %s is told apart', async (_, directive, code) => {
    const provider = await simulated(wire, { text: 'a rather long answer', ...directive });
    expect(await faultOfTurn(provider)).toMatchObject({ code });
  });

  test('names the headers limit when no headers come', async () => {
    const provider = await simulated(wire, { hang: 'headers' }, { timeouts: { headers_ms: 60 } });
    const fault = await faultOfTurn(provider);
    expect(fault.code).toBe('PROVIDER_TIMED_OUT');
    expect(fault.message).toContain('within 60 ms (timeouts.headers_ms)');
  });

  test('names the idle limit when the stream stalls, and closes the socket', async () => {
    const provider = await simulated(
      wire,
      { text: 'a long answer', hang: 'stream', after: 2 },
      { timeouts: { idle_ms: 60 } },
    );
    const ended = requestEnded();
    const fault = await faultOfTurn(provider);
    expect(fault.code).toBe('PROVIDER_STREAM_STALLED');
    expect(fault.message).toContain('timeouts.idle_ms');
    expect(await ended).toBe('client_closed');
  });

  test('outlasts the idle limit as long as events keep coming [B99]', async () => {
    const provider = await simulated(wire, { tokens: 16, delta_ms: 25 }, { timeouts: { idle_ms: 250 } });
    const startedAt = performance.now();
    await modelOf(provider).model.turn(ask(), new AbortController().signal);
    expect(performance.now() - startedAt).toBeGreaterThan(250);
  });

  test('names the turn limit when a stream never rests but never ends', async () => {
    const timeouts = { turn_ms: 120, idle_ms: 10_000 };
    const provider = await simulated(wire, { tokens: 500, delta_ms: 10 }, { timeouts });
    const fault = await faultOfTurn(provider);
    expect(fault.code).toBe('PROVIDER_TURN_TIMED_OUT');
    expect(fault.message).toContain('timeouts.turn_ms');
  });

  test('rethrows the reason of an abort, whatever the SDK makes of it', async () => {
    const provider = await simulated(wire, { text: 'a long answer', hang: 'stream', after: 2 });
    const ended = requestEnded();
    const controller = new AbortController();
    const reason = new Error('cancelled by a test');
    const turn = modelOf(provider).model.turn(ask('Go', { onText: () => controller.abort(reason) }), controller.signal);
    await expect(turn).rejects.toBe(reason);
    expect(await ended).toBe('client_closed');
  });

  test('does not start under a signal that has aborted already', async () => {
    const provider = await simulated(wire, { text: 'hi' });
    await expect(modelOf(provider).model.turn(ask(), AbortSignal.abort('gone'))).rejects.toBe('gone');
    expect(sim.requests()).toEqual([]);
  });

  test('that nobody answers is unreachable, naming the host', async () => {
    const gone = await serve(() => {});
    await gone.close();
    const fault = await faultOfTurn(providerAt(wire, gone.url));
    expect(fault.code).toBe('PROVIDER_UNREACHABLE');
    expect(fault.message).toContain(`${new URL(gone.url).host} failed: nothing listens there (ECONNREFUSED)`);
  });
});

test('heeds its limits and its signal while it still connects', async () => {
  const mute = createServer(() => {});
  await new Promise<void>((resolve) => mute.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void mute.close());
  const { port } = mute.address() as AddressInfo;
  const provider = providerAt('chat', `https://127.0.0.1:${port}`, { timeouts: { headers_ms: 60 } });
  const startedAt = performance.now();
  expect(await faultOfTurn(provider)).toMatchObject({ code: 'PROVIDER_TIMED_OUT' });
  const patient = providerAt('chat', `https://127.0.0.1:${port}`);
  const { model, close } = await openModel(patient);
  const reason = new Error('cancelled by a test');
  await expect(model.turn(ask(), abortedSoon(reason))).rejects.toBe(reason);
  expect(await close()).toEqual({ aborted: 0, inFlight: 0 });
  expect(performance.now() - startedAt).toBeLessThan(5_000);
});

function abortedSoon(reason: Error): AbortSignal {
  const controller = new AbortController();
  setTimeout(() => controller.abort(reason), 50);
  return controller.signal;
}

test.each<[string, number, Record<string, string>, FailureCode]>([
  ['in a coding it was not asked for', 200, { 'content-encoding': 'gzip' }, 'PROVIDER_MALFORMED'],
  ['under a status that is none', 799, {}, 'PROVIDER_MALFORMED'],
])('an answer %s is refused by name', async (_, status, headers, code) => {
  const asked: unknown[] = [];
  const odd = await serve((req, res) => {
    asked.push(req.headers['accept-encoding']);
    res.writeHead(status, headers).end('x');
  });
  const fault = await faultOfTurn(providerAt('responses', odd.url));
  await odd.close();
  expect(fault).toMatchObject({
    code,
    message: expect.stringContaining(headers['content-encoding'] ?? String(status)),
  });
  expect(asked).toEqual(['identity']);
});

test.each([['Identity'], [''], ['identity, IDENTITY']])(
  'content-encoding "%s" is an answer as it is',
  async (coding) => {
    const odd = await serve((_, res) => {
      res.writeHead(503, { 'content-encoding': coding }).end('{"error":{"message":"read"}}');
    });
    const fault = await faultOfTurn(providerAt('responses', odd.url));
    await odd.close();
    expect(fault).toMatchObject({ code: 'PROVIDER_OVERLOADED', message: expect.stringContaining('read') });
  },
);

test('outlasts the idle limit while nothing but pings come: a model may think for long', async () => {
  const start = {
    type: 'message_start',
    message: { id: 'm', content: [], usage: { input_tokens: 1, output_tokens: 0 } },
  };
  const thinking = await serve((_, res) => {
    res.writeHead(200, { 'content-type': 'text/event-stream' });
    res.write(`data: ${JSON.stringify(start)}\n\n`);
    let pings = 0;
    const beat = setInterval(() => {
      res.write('event: ping\ndata: {"type":"ping"}\n\n');
      if (++pings < 12) return;
      clearInterval(beat);
      res.write(`data: ${JSON.stringify({ type: 'message_delta', delta: { stop_reason: 'end_turn' } })}\n\n`);
      res.end(`data: ${JSON.stringify({ type: 'message_stop' })}\n\n`);
    }, 50);
  });
  onTestFinished(thinking.close);
  const provider = providerAt('messages', thinking.url, { timeouts: { idle_ms: 300 } });
  const turn = await modelOf(provider, 'claude-opus-5-5').model.turn(ask(), new AbortController().signal);
  expect(turn.stop).toBe('answer');
});

test('names the first-token limit when headers come and nothing else', async () => {
  const silent = await serve((_, res) => {
    res.writeHead(200, { 'content-type': 'text/event-stream' });
    res.flushHeaders();
  });
  const fault = await faultOfTurn(providerAt('chat', silent.url, { timeouts: { first_token_ms: 60 } }));
  await silent.close();
  expect(fault.code).toBe('PROVIDER_FIRST_TOKEN_TIMED_OUT');
  expect(fault.message).toContain('timeouts.first_token_ms');
});

test('keeps a turn that gave a reason for its end, although nothing follows it', async () => {
  const endless = await serve((_, res) => {
    res.writeHead(200, { 'content-type': 'text/event-stream' });
    const chunk = { choices: [{ index: 0, delta: { content: 'done' }, finish_reason: 'stop' }] };
    res.write(`data: ${JSON.stringify(chunk)}\n\n`);
  });
  const patient = providerAt('chat', endless.url, { timeouts: { idle_ms: 100 } });
  const turn = await modelOf(patient).model.turn(ask(), new AbortController().signal);
  await endless.close();
  expect(turn).toMatchObject({ text: 'done', stop: 'answer' });
});

describe('the SDKs we work around', () => {
  async function lastEventOf(events: AsyncIterable<object>): Promise<unknown> {
    let last: unknown;
    for await (const event of events) last = event;
    return last;
  }

  test('still end a cut stream silently: an upgrade that changes this must be noticed', async () => {
    sim = await simulate({ text: 'a rather long answer', cut: 'clean', after: 2 });
    const openai = new OpenAI({ apiKey: 'k', baseURL: `${sim.url}/v1`, logLevel: 'off' });
    const anthropic = new Anthropic({ apiKey: 'k', baseURL: sim.url, logLevel: 'off' });
    const input = { model: 'm', messages: [{ role: 'user' as const, content: 'x' }], stream: true as const };
    expect(await lastEventOf(await openai.responses.create({ model: 'm', input: 'x', stream: true }))).toMatchObject({
      type: 'response.output_text.delta',
    });
    expect(await lastEventOf(await openai.chat.completions.create(input))).toMatchObject({ choices: [{}] });
    expect(await lastEventOf(await anthropic.messages.create({ ...input, max_tokens: 9 }))).toMatchObject({
      type: 'content_block_delta',
    });
  });
});
