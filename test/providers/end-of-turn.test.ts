import type { ServerResponse } from 'node:http';
import { setTimeout as passes } from 'node:timers/promises';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Turn } from '../../src/contract/checkpoint.ts';
import type { Wire } from '../../src/contract/route.ts';
import { ErrandError } from '../../src/errors.ts';
import { ask, modelOf, providerAt, serve } from './models.ts';

const FINISH_MS = 150;

/** What a provider does for one answer: writes pieces, waits, ends it or leaves it open. */
type Provider = (send: (data: unknown) => void, res: ServerResponse) => unknown;

type Answered = { turn: Turn | ErrandError; tookMs: number; closed: Promise<unknown> };

/** One turn against a provider; after the reason for its end, silence of {@link FINISH_MS} completes it. */
async function turnOf(wire: Wire, provider: Provider, idleMs = FINISH_MS): Promise<Answered> {
  const closed = Promise.withResolvers<void>();
  const server = await serve((_, res) => {
    res.on('close', () => closed.resolve());
    res.writeHead(200, { 'content-type': 'text/event-stream' });
    const send = (data: unknown) => res.write(`data: ${typeof data === 'string' ? data : JSON.stringify(data)}\n\n`);
    void provider(send, res);
  });
  onTestFinished(server.close);
  const { model } = modelOf(providerAt(wire, server.url, { timeouts: { idle_ms: idleMs } }), 'm');
  const startedMs = performance.now();
  const turn = await model.turn(ask(), new AbortController().signal).catch((error: unknown) => error);
  if (turn instanceof Error && !(turn instanceof ErrandError)) throw turn;
  return { turn: turn as Turn | ErrandError, tookMs: performance.now() - startedMs, closed: closed.promise };
}

const delta = (content: string, finish_reason: string | null = null) => ({
  choices: [{ index: 0, delta: { content }, finish_reason }],
});
const usage = { choices: [], usage: { prompt_tokens: 9, completion_tokens: 4, total_tokens: 13 } };
const call = { index: 0, id: 'call_a', type: 'function', function: { name: 'list', arguments: '{}' } };
const start = { type: 'message_start', message: { content: [], usage: { input_tokens: 9, output_tokens: 1 } } };
const block = { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } };
const piece = { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'done' } };
const stopped = (stop_reason: string | null, output_tokens = 4) => ({
  type: 'message_delta',
  delta: { stop_reason },
  usage: { output_tokens },
});
const completed = {
  type: 'response.completed',
  response: {
    status: 'completed',
    output: [{ type: 'message', content: [{ type: 'output_text', text: 'done' }] }],
    usage: { input_tokens: 9, output_tokens: 4, total_tokens: 13 },
  },
};

describe('a reason for the end does not end the turn', () => {
  test('text after it is part of the answer', async () => {
    const { turn } = await turnOf('chat', async (send, res) => {
      send(delta('part one', 'stop'));
      await passes(FINISH_MS / 2);
      send(delta(' part two', 'stop'));
      send('[DONE]');
      res.end();
    });
    expect(turn).toMatchObject({ text: 'part one part two', stop: 'answer' });
  });

  test('calls and usage after it count', async () => {
    const { turn } = await turnOf('chat', (send, res) => {
      send(delta('let me see', 'stop'));
      send({ choices: [{ index: 0, delta: { tool_calls: [call] }, finish_reason: 'tool_calls' }] });
      send(usage);
      res.end('data: [DONE]\n\n');
    });
    expect(turn).toMatchObject({ tool_calls: [{ id: 'call_a' }], stop: 'tools', usage: { input_tokens: 9 } });
  });

  test('silence after it completes the turn', async () => {
    const { turn, closed } = await turnOf('chat', (send) => send(delta('done', 'stop')));
    expect(turn).toMatchObject({ text: 'done', stop: 'answer' });
    await closed;
  });

  test('comments after it do not hold the turn', async () => {
    let beat: NodeJS.Timeout | undefined;
    const { turn } = await turnOf('chat', (send, res) => {
      send(delta('done', 'stop'));
      beat = setInterval(() => res.write(': keep-alive\n\n'), FINISH_MS / 10);
    });
    clearInterval(beat);
    expect(turn).toMatchObject({ text: 'done' });
  });

  test('the end of the body, or a lost connection, completes the turn', async () => {
    const ended = await turnOf('chat', (send, res) => {
      send(delta('done', 'stop'));
      res.end();
    });
    expect(ended.turn).toMatchObject({ text: 'done' });
    const lost = await turnOf('chat', (send, res) => {
      send(delta('done', 'stop'));
      setImmediate(() => res.destroy());
    });
    expect(lost.turn).toMatchObject({ text: 'done' });
  });

  test.each([
    [{ error: { code: 502, message: 'upstream' } }, 'PROVIDER_FAILED'],
    ['{"choices":[', 'PROVIDER_MALFORMED'],
  ])('%j after it fails the turn', async (event, code) => {
    const { turn } = await turnOf('chat', (send, res) => {
      send(delta('done', 'stop'));
      send(event);
      res.end('data: [DONE]\n\n');
    });
    expect(turn).toMatchObject({ code });
  });

  test('on the messages wire, a stop reason without message_stop is one too', async () => {
    const { turn } = await turnOf('messages', (send) => {
      for (const event of [start, block, piece, stopped('end_turn')]) send(event);
    });
    expect(turn).toMatchObject({ text: 'done', stop: 'answer', usage: { output_tokens: 4 } });
  });

  test('a later message_delta keeps the reason and counts its usage', async () => {
    const { turn } = await turnOf('messages', (send, res) => {
      for (const event of [start, block, piece, stopped('end_turn'), stopped(null, 7)]) send(event);
      send({ type: 'message_stop' });
      res.end();
    });
    expect(turn).toMatchObject({ stop: 'answer', usage: { output_tokens: 7 } });
  });
});

describe('the terminal event ends the turn', () => {
  const ENDINGS: [Wire, string, unknown[]][] = [
    ['chat', 'usage and [DONE]', [delta('done', 'stop'), usage, '[DONE]']],
    ['chat', '[DONE] without a reason', [delta('done'), '[DONE]']],
    ['chat', '[DONE] with spaces', [delta('done', 'stop'), ' [DONE] ']],
    ['messages', 'message_stop', [start, block, piece, stopped('end_turn'), { type: 'message_stop' }]],
    ['messages', 'a reason and [DONE]', [start, block, piece, stopped('end_turn'), '[DONE]']],
    ['responses', 'response.completed', [completed]],
    ['responses', 'response.completed and [DONE]', [completed, '[DONE]']],
  ];
  test.each(ENDINGS)('%s: a body that stays open after %s does not hold it', async (wire, _, events) => {
    const { turn, tookMs, closed } = await turnOf(wire, (send) => events.forEach(send), 60_000);
    expect(turn).toMatchObject({ text: 'done', stop: 'answer' });
    expect(tookMs).toBeLessThan(5_000);
    await closed;
  });

  test('a body that goes on after it is closed', async () => {
    const { turn, closed } = await turnOf('chat', (send, res) => {
      send(delta('done', 'stop'));
      send('[DONE]');
      const more = () => res.writable && res.write(`data: ${JSON.stringify(delta('x'.repeat(1000)))}\n\n`, more);
      more();
    });
    expect(turn).toMatchObject({ text: 'done' });
    await closed;
  });

  test('what comes after it does not fail the turn', async () => {
    const { turn } = await turnOf('chat', (send, res) => {
      send(delta('done', 'stop'));
      send('[DONE]');
      send({ error: { code: 500, message: 'late' } });
      res.end();
    });
    expect(turn).toMatchObject({ text: 'done' });
  });

  test.each<[Wire, string, unknown[]]>([
    ['chat', 'nothing', []],
    ['chat', 'usage', [usage]],
    ['messages', 'text', [start, block, piece]],
    ['responses', 'text', [{ type: 'response.output_text.delta', delta: 'done' }]],
  ])('%s: [DONE] after %s alone is no turn', async (wire, _, events) => {
    const { turn } = await turnOf(wire, (send) => [...events, '[DONE]'].forEach(send), 60_000);
    expect(turn).toMatchObject({ code: 'PROVIDER_STREAM_CUT' });
  });
});
