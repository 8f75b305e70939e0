import { once } from 'node:events';
import { createServer } from 'node:http';
import { onTestFinished } from 'vitest';
import type { Wire } from '../../src/contract/route.ts';

/** One answer of a provider: the pieces of its body, written unchanged one after the other. */
export type RawAnswer = { status?: number; type?: string; pieces: readonly (string | Buffer)[] };

/** A server that answers as a test says, and stores the bodies of its requests. */
export type RawProvider = { url: string; requests: unknown[] };

/** Server-sent events, each as JSON, or as text that is sent unchanged. */
export function events(...all: unknown[]): RawAnswer {
  return { pieces: all.map((data) => `data: ${typeof data === 'string' ? data : JSON.stringify(data)}\n\n`) };
}

/**
 * Starts a provider that sends these answers, one for each request in order, and then repeats the last answer. It
 * closes with the test.
 */
export async function rawProvider(...answers: RawAnswer[]): Promise<RawProvider> {
  const requests: unknown[] = [];
  const server = createServer(async (req, res) => {
    const body = Buffer.concat(await Array.fromAsync(req));
    const closed = once(res, 'close').catch(() => undefined);
    const answer = answers[Math.min(requests.length, answers.length - 1)];
    requests.push(body.length > 0 ? JSON.parse(body.toString()) : null);
    if (!answer) return res.destroy();
    res.writeHead(answer.status ?? 200, { 'content-type': answer.type ?? 'text/event-stream' });
    for (const piece of answer.pieces) {
      if (res.destroyed) return;
      if (!res.write(piece)) await Promise.race([once(res, 'drain'), closed]);
    }
    res.end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the server has no port');
  return { url: `http://127.0.0.1:${address.port}`, requests };
}

/** The conversation in a request, as its wire holds it. */
export function conversationIn(request: unknown): Record<string, unknown>[] {
  const { input, messages } = request as { input?: Record<string, unknown>[]; messages?: Record<string, unknown>[] };
  return messages ?? input ?? [];
}

/** What a model says in one turn, for any wire. */
export type Said = {
  text?: string;
  calls?: { id: string; name: string; args: string }[];
  usage?: object;
  stop?: string;
};

/** The events of a turn on a wire, in the order and with the fields that its vendor sends. */
export function turnEvents(wire: Wire, said: Said): object[] {
  return WRITERS[wire](said);
}

const WRITERS: Record<Wire, (said: Said) => object[]> = {
  chat: ({ text, calls = [], usage, stop }) => {
    const tool_calls = calls.map(({ id, name, args }, index) => {
      return { index, id, type: 'function', function: { name, arguments: args } };
    });
    const delta = { role: 'assistant', content: text ?? null, ...(calls.length > 0 && { tool_calls }) };
    const reason = stop ?? (calls.length > 0 ? 'tool_calls' : 'stop');
    return [
      { choices: [{ index: 0, delta, finish_reason: null }] },
      { choices: [{ index: 0, delta: {}, finish_reason: reason }] },
      ...(usage ? [{ choices: [], usage }] : []),
    ];
  },
  messages: ({ text, calls = [], usage, stop }) => {
    const blocks = [
      ...(text === undefined
        ? []
        : [
            [
              { type: 'text', text: '' },
              { type: 'text_delta', text },
            ],
          ]),
      ...calls.map(({ id, name, args }) => [
        { type: 'tool_use', id, name, input: {} },
        { type: 'input_json_delta', partial_json: args },
      ]),
    ];
    const reason = stop ?? (calls.length > 0 ? 'tool_use' : 'end_turn');
    return [
      { type: 'message_start', message: { id: 'm', content: [], ...(usage && { usage }) } },
      ...blocks.flatMap(([content_block, delta], index) => [
        { type: 'content_block_start', index, content_block },
        { type: 'content_block_delta', index, delta },
        { type: 'content_block_stop', index },
      ]),
      { type: 'message_delta', delta: { stop_reason: reason } },
      { type: 'message_stop' },
    ];
  },
  responses: ({ text, calls = [], usage, stop }) => {
    const items = [
      ...(text === undefined
        ? []
        : [{ type: 'message', id: 'msg_1', role: 'assistant', content: [{ type: 'output_text', text }] }]),
      ...calls.map(({ id, name, args }, at) => {
        return { type: 'function_call', id: `fc_${at}`, call_id: id, name, arguments: args };
      }),
    ];
    const done = items.map((item, output_index) => ({ type: 'response.output_item.done', output_index, item }));
    const cut = stop && { incomplete_details: { reason: stop } };
    const end = { status: cut ? 'incomplete' : 'completed', ...cut, output: items, ...(usage && { usage }) };
    return [...done, { type: `response.${end.status}`, response: { id: 'resp_1', ...end } }];
  },
};
