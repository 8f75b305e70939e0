import { expect, onTestFinished, test } from 'vitest';
import { Secret } from '../../src/base/secret.ts';
import { Connections } from '../../src/providers/connections.ts';
import { DONE, eventStreamOf, SILENCE } from '../../src/providers/event-stream.ts';
import { createProviderFetch } from '../../src/providers/fetch.ts';
import { faultOfTurn, KEY, providerAt, serve } from './models.ts';

/** The events that come out of a body that arrives in these pieces. */
async function eventsOf(...pieces: (string | Buffer)[]): Promise<unknown[]> {
  const all = await allOf(...pieces);
  return all.filter((event) => event !== SILENCE);
}

/** The same, with what came in between and said nothing. */
async function allOf(...pieces: (string | Buffer)[]): Promise<unknown[]> {
  const server = await serve(async (_, res) => {
    res.writeHead(200, { 'content-type': 'text/event-stream' });
    for (const piece of pieces) await new Promise((written) => res.write(piece, () => setImmediate(written)));
    res.end();
  });
  onTestFinished(server.close);
  const provider = providerAt('chat', server.url);
  const response = await createProviderFetch(
    provider,
    { id: 'env:K', secret: new Secret(KEY) },
    new Connections(),
  )(server.url);
  const events: unknown[] = [];
  for await (const piece of eventStreamOf(provider, response).pieces) events.push(...piece);
  return events;
}

test('events are whole however the body is cut into pieces', async () => {
  const body = Buffer.from('data: {"text":"Grüße, 世界"}\r\n\r\n: a comment\r\n\r\ndata: {"n":\r\ndata: 2}\r\n\r\n');
  const pieces = Array.from({ length: body.length }, (_, at) => body.subarray(at, at + 1));
  expect(await eventsOf(body)).toEqual([{ text: 'Grüße, 世界' }, { n: 2 }]);
  expect(await eventsOf(...pieces)).toEqual([{ text: 'Grüße, 世界' }, { n: 2 }]);
});

test('the last event needs no blank line after it', async () => {
  expect(await eventsOf('data: {"n":1}\n\n', 'data: {"n":2}')).toEqual([{ n: 1 }, { n: 2 }]);
});

test('an event that is cut in the middle is none', async () => {
  expect(await eventsOf('data: {"n":1}\n\n', 'data: {"n":')).toEqual([{ n: 1 }]);
});

test('what says nothing is no event', async () => {
  const ping = 'event: ping\ndata: {"type":"ping"}\n\n';
  expect(await eventsOf(ping, 'data: {"n":1}\n\n', ping, 'data:\n\n')).toEqual([{ n: 1 }]);
});

test('[DONE] is told apart from an event, also without a blank line after it', async () => {
  expect(await eventsOf('data: {"n":1}\n\n', 'data: [DONE]\n\n')).toEqual([{ n: 1 }, DONE]);
  expect(await eventsOf('data: {"n":1}\n\n', 'data:[DONE]')).toEqual([{ n: 1 }, DONE]);
});

test.each([
  ['by its name', 'event: error\ndata: {"message":"too much","type":"overloaded_error"}\n\n'],
  ['by its type', 'data: {"type":"error","error":{"type":"overloaded_error","message":"too much"}}\n\n'],
  ['by its field', 'data: {"error":{"code":"slow_down","message":"too much"}}\n\n'],
])('an event that tells a failure %s is thrown', async (_, event) => {
  await expect(eventsOf('data: {"n":1}\n\n', event)).rejects.toMatchObject({
    code: 'PROVIDER_OVERLOADED',
    message: expect.stringContaining('too much'),
  });
});

test.each([
  ['event: error\ndata: out of order\n\n', 'out of order'],
  ['data: {"error":"out of order"}\n\n', 'out of order'],
  ['event: error\ndata: {"why":418}\n\n', '{"why":418}'],
])('a failure in words of its own is told in them: %j', async (event, message) => {
  await expect(eventsOf(event)).rejects.toMatchObject({
    code: 'PROVIDER_FAILED',
    message: expect.stringContaining(message),
  });
});

test.each(['event: ping\ndata: {"type":"ping"}\n\n', ': thinking\n\n', 'data: {"n":'])(
  'what comes and says nothing, such as %j, is a sign of life',
  async (piece) => {
    expect(await allOf(piece)).toEqual([SILENCE]);
  },
);

test.each([
  [{ code: 429, message: 'slow down' }, 'PROVIDER_RATE_LIMITED'],
  [{ code: 402, message: 'add credit' }, 'PROVIDER_QUOTA_EXHAUSTED'],
  [{ code: 400, message: 'bad field' }, 'PROVIDER_REFUSED_REQUEST'],
  [{ code: 502, message: 'upstream' }, 'PROVIDER_FAILED'],
  [{ type: 'invalid_request_error', message: 'no' }, 'PROVIDER_REFUSED_REQUEST'],
  [{ code: 'context_length_exceeded', message: 'long' }, 'CONTEXT_TOO_LONG'],
])('a failure in the stream that tells %j is sorted by it, and may have cost', async (error, code) => {
  const failure = eventsOf('data: {"n":1}\n\n', `data: ${JSON.stringify({ error })}\n\n`);
  await expect(failure).rejects.toMatchObject({ code, httpStatus: undefined });
});

test('an event without an end is a fault of the provider, not of our memory', async () => {
  const flood = await serve((_, res) => {
    res.writeHead(200, { 'content-type': 'text/event-stream' });
    const piece = 'x'.repeat(1024 * 1024);
    res.write('data: "');
    const more = () => {
      if (!res.destroyed) res.write(piece, more);
    };
    more();
  });
  onTestFinished(flood.close);
  expect(await faultOfTurn(providerAt('responses', flood.url))).toMatchObject({ code: 'PROVIDER_REPLY_TOO_LARGE' });
});
