import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Wire } from '../../src/contract/route.ts';
import { ErrandError } from '../../src/errors.ts';
import { MAX_REPLY_BYTES } from '../../src/providers/reply-budget.ts';
import { ask, modelOf, providerAt, serve, WIRES } from './models.ts';

const MIB = 1024 * 1024;
const ANSWER_BYTES = 512 * MIB;

/** The events of one piece of text on each wire, with the events before the first piece. */
const TEXT: Record<Wire, { start: unknown[]; piece: (text: string) => unknown }> = {
  chat: {
    start: [{ choices: [], usage: { prompt_tokens: 7, completion_tokens: 3, total_tokens: 10 } }],
    piece: (content) => ({ choices: [{ index: 0, delta: { content } }] }),
  },
  messages: {
    start: [
      { type: 'message_start', message: { content: [], usage: { input_tokens: 7, output_tokens: 3 } } },
      { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } },
    ],
    piece: (text) => ({ type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text } }),
  },
  responses: {
    start: [],
    piece: (delta) => ({ type: 'response.output_text.delta', output_index: 0, content_index: 0, delta }),
  },
};

/** A server that sends up to 512 MB of pieces for as long as the client reads. */
async function endless(first: string, piece: string) {
  const sent = { bytes: 0 };
  const closed = Promise.withResolvers<void>();
  const server = await serve(async (_, res) => {
    res.on('close', () => closed.resolve());
    res.writeHead(200, { 'content-type': 'text/event-stream' });
    res.write(first);
    while (!res.destroyed && sent.bytes < ANSWER_BYTES) {
      sent.bytes += piece.length;
      if (!res.write(piece)) await Promise.race([new Promise((drained) => res.once('drain', drained)), closed.promise]);
      else await nextTurn();
    }
    res.end();
  });
  onTestFinished(server.close);
  return { url: server.url, sent, closed: closed.promise };
}

/** One turn with its deltas, and the maximum growth of memory while it ran. */
async function turnOf(wire: Wire, url: string) {
  const heard = { text: '', usage: 0 };
  let peak = 0;
  const before = process.memoryUsage().rss;
  const watch = setInterval(() => {
    peak = Math.max(peak, process.memoryUsage().rss);
  }, 5);
  const { model } = modelOf(providerAt(wire, url), 'm');
  const onText = (text: string) => {
    heard.text += text;
  };
  const request = ask('Go', { onText, onUsage: () => (heard.usage += 1) });
  const fault = await model.turn(request, new AbortController().signal).catch((error: unknown) => error);
  clearInterval(watch);
  if (!(fault instanceof ErrandError)) throw new Error('expected an ErrandError');
  return { fault, heard, grownMiB: (Math.max(peak, process.memoryUsage().rss) - before) / MIB };
}

const data = (event: unknown) => `data: ${JSON.stringify(event)}\n\n`;

describe.each(WIRES)('an answer of 512 MB on the %s wire', (wire) => {
  const { start, piece } = TEXT[wire];
  const first = start.map(data).join('');
  const SHAPES: [string, string, string][] = [
    ['in pieces of 64 KiB', first, data(piece('x'.repeat(65_536)))],
    ['in pieces of 100 characters', first, data(piece('y'.repeat(100))).repeat(500)],
    ['in one event', `${first}data: ${JSON.stringify(piece('')).slice(0, -3)}`, 'z'.repeat(65_536)],
    ['in one JSON text', '{"choices":[{"message":{"content":"', 'z'.repeat(65_536)],
  ];
  test.each(SHAPES)('%s ends early, within little memory', async (shape, head, more) => {
    const { url, sent, closed } = await endless(head, more);
    const { fault, heard, grownMiB } = await turnOf(wire, url);
    const isJson = shape.includes('JSON');
    expect(fault.code).toBe(isJson ? 'PROVIDER_MALFORMED' : 'PROVIDER_REPLY_TOO_LARGE');
    await closed;
    expect(sent.bytes).toBeLessThan(40 * MIB);
    expect(grownMiB).toBeLessThan(200);
    if (shape.includes('pieces')) expect(heard.text.length).toBeGreaterThan(MIB);
    if (wire !== 'responses' && !isJson) expect(heard.usage).toBeGreaterThan(0);
  });
});

describe('a reply at the limit', () => {
  async function answering(mib: number) {
    const chars = Math.floor(mib * MIB);
    const server = await serve((_, res) => {
      res.writeHead(200, { 'content-type': 'text/event-stream' });
      for (let at = 0; at < chars; at += 8_192)
        res.write(data(TEXT.chat.piece('w'.repeat(Math.min(8_192, chars - at)))));
      res.end(`${data({ choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] })}data: [DONE]\n\n`);
    });
    onTestFinished(server.close);
    return modelOf(providerAt('chat', server.url), 'm').model.turn(ask(), new AbortController().signal);
  }

  test('is a turn while it fits into a record: its text is stored twice', async () => {
    const turn = await answering(1.49);
    expect(turn.text).toHaveLength(Math.floor(1.49 * MIB));
  });

  test('is too large above it', async () => {
    await expect(answering(1.51)).rejects.toMatchObject({ code: 'PROVIDER_REPLY_TOO_LARGE' });
  });
});

/** A reply with a thought and a text. An unsealed thought has no signature, so no later request repeats it. */
type Thinking = { thought: string; seal: string; text: string };

const THINKING: Record<Wire, (reply: Thinking) => unknown[]> = {
  chat: ({ thought, seal, text }) => {
    const details = seal === '' ? {} : { reasoning_details: [{ type: 'reasoning.encrypted', data: seal, index: 0 }] };
    return [
      { choices: [{ index: 0, delta: { reasoning_content: thought, ...details } }] },
      { choices: [{ index: 0, delta: { content: text } }] },
      { choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] },
    ];
  },
  messages: ({ thought, seal, text }) => [
    { type: 'message_start', message: { content: [], usage: { input_tokens: 7, output_tokens: 3 } } },
    { type: 'content_block_start', index: 0, content_block: { type: 'thinking', thinking: '', signature: '' } },
    { type: 'content_block_delta', index: 0, delta: { type: 'thinking_delta', thinking: thought } },
    { type: 'content_block_delta', index: 0, delta: { type: 'signature_delta', signature: seal } },
    { type: 'content_block_start', index: 1, content_block: { type: 'text', text: '' } },
    { type: 'content_block_delta', index: 1, delta: { type: 'text_delta', text } },
    { type: 'message_delta', delta: { stop_reason: 'end_turn' }, usage: { output_tokens: 3 } },
    { type: 'message_stop' },
  ],
  responses: ({ thought, seal, text }) => {
    const summary = [{ type: 'summary_text', text: thought }];
    const reasoning = { type: 'reasoning', id: 'rs_1', summary, encrypted_content: seal === '' ? null : seal };
    const content = [{ type: 'output_text', text, annotations: [] }];
    const message = { type: 'message', id: 'msg_1', role: 'assistant', status: 'completed', content };
    return [
      { type: 'response.output_item.done', output_index: 0, item: reasoning },
      { type: 'response.output_item.done', output_index: 1, item: message },
      { type: 'response.completed', response: { status: 'completed', output: [] } },
    ];
  },
};

describe.each(WIRES)('a thought beside a text on the %s wire', (wire) => {
  async function replyTo(reply: Thinking) {
    const sizes: number[] = [];
    const server = await serve((req, res) => {
      let size = 0;
      req.on('data', (chunk: Buffer) => (size += chunk.length));
      req.on('end', () => {
        sizes.push(size);
        res.writeHead(200, { 'content-type': 'text/event-stream' });
        const events = THINKING[wire](reply).map((event) => {
          const type = (event as { type?: string }).type;
          return `${type === undefined ? '' : `event: ${type}\n`}${data(event)}`;
        });
        res.end(`${events.join('')}${wire === 'chat' ? data('[DONE]').replaceAll('"', '') : ''}`);
      });
    });
    onTestFinished(server.close);
    const { model } = modelOf(providerAt(wire, server.url), 'm');
    const { signal } = new AbortController();
    const turn = await model.turn(ask(), signal);
    await model.turn(
      {
        ...ask(),
        transcript: [
          { role: 'user', text: 'Go' },
          { role: 'assistant', native: turn.native },
          { role: 'user', text: 'On' },
        ],
      },
      signal,
    );
    return { bytes: Buffer.byteLength(JSON.stringify(turn)), nextRequest: sizes[1] ?? 0 };
  }
  const sized = (thought: number, seal: number, text: number, char = 'x') => ({
    thought: char.repeat(thought * MIB),
    seal: 's'.repeat(seal * MIB),
    text: char.repeat(text * MIB),
  });
  // The text of an answer is stored twice. A control character takes 6 bytes of JSON.
  test.each<[string, Thinking]>([
    ['a large text beside an unsealed thought', sized(0.9, 0, 1)],
    ['a large text beside a sealed thought', sized(0.4, 0.4, 1)],
    ['control characters', sized(0.15, 0, 0.15, '\u0001')],
  ])('%s: a turn if its record fits', async (_, reply) => {
    const { bytes, nextRequest } = await replyTo(reply);
    expect(bytes).toBeLessThanOrEqual(MAX_REPLY_BYTES);
    expect(nextRequest).toBeLessThanOrEqual(MAX_REPLY_BYTES);
  });

  test.each<[string, Thinking]>([
    ['a large text beside an unsealed thought', sized(1.1, 0, 1)],
    ['a large text beside a sealed thought', sized(0.6, 0.6, 1)],
    ['control characters', sized(0.25, 0, 0.18, '\u0001')],
  ])('%s: too large if its record does not fit', async (_, reply) => {
    await expect(replyTo(reply)).rejects.toMatchObject({ code: 'PROVIDER_REPLY_TOO_LARGE' });
  });
});

describe('a reply of many small values', () => {
  const inDelta = (json: string) => `data: {"choices":[{"index":0,"delta":${json}}]}\n\n`;
  const names = (from: number, count: number) =>
    `{${Array.from({ length: count }, (_, at) => `"name${from + at}":1`).join(',')}}`;
  const SHAPES: [string, string[], string][] = [
    ['names in one event', [inDelta(names(0, 250_000))], 'PROVIDER_REPLY_TOO_LARGE'],
    [
      'names over many events',
      Array.from({ length: 400 }, (_, at) => inDelta(names(at * 1_000, 1_000))),
      'PROVIDER_REPLY_TOO_LARGE',
    ],
    ['one name an event', Array.from({ length: 40_000 }, (_, at) => inDelta(names(at, 1))), 'PROVIDER_REPLY_TOO_LARGE'],
    ['numbers', [inDelta(`{"content":[${'1,'.repeat(1_500_000)}1]}`)], 'PROVIDER_REPLY_TOO_LARGE'],
    ['lists in lists', [inDelta(`{"x":${'['.repeat(1_000_000)}${']'.repeat(1_000_000)}}`)], 'PROVIDER_MALFORMED'],
    ['objects in objects', [inDelta(`${'{"a":'.repeat(300_000)}1${'}'.repeat(300_000)}`)], 'PROVIDER_MALFORMED'],
    ['brackets in a text', [inDelta(`{"content":"${'[{,\\"'.repeat(100_000)}"}`)], 'turn'],
  ];
  test.each(SHAPES)('%s ends early, before it holds the process up', async (_, events, expected) => {
    const server = await serve(async (__, res) => {
      res.writeHead(200, { 'content-type': 'text/event-stream' });
      for (const event of events) res.write(event);
      res.end(`${data({ choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] })}data: [DONE]\n\n`);
    });
    onTestFinished(server.close);
    const { model } = modelOf(providerAt('chat', server.url), 'm');
    const startedMs = performance.now();
    const ended = await model.turn(ask(), new AbortController().signal).then(
      () => 'turn',
      (error: unknown) => (error instanceof ErrandError ? error.code : error),
    );
    expect(ended).toBe(expected);
    expect(performance.now() - startedMs).toBeLessThan(4_000);
  });
});

test('a tool call with an id of more than 1,024 characters gets another one', async () => {
  const call = { index: 0, id: 'i'.repeat(2_000), function: { name: 'list', arguments: '{}' } };
  const server = await serve((_, res) => {
    res.writeHead(200, { 'content-type': 'text/event-stream' });
    res.end(
      `${data({ choices: [{ index: 0, delta: { tool_calls: [call] }, finish_reason: 'tool_calls' }] })}data: [DONE]\n\n`,
    );
  });
  onTestFinished(server.close);
  const turn = await modelOf(providerAt('chat', server.url), 'm').model.turn(ask(), new AbortController().signal);
  expect(turn.tool_calls).toEqual([{ id: 'call00001', name: 'list', arguments: '{}' }]);
});
