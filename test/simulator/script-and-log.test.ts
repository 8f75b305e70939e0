import { afterEach, describe, expect, test } from 'vitest';
import { parseScript, type ScriptInput, type Simulator, startSimulator } from '../../src/entries/simulator.ts';
import { isErrandError } from '../../src/errors.ts';
import { clientFor, SENT } from './wire-clients.ts';

let simulator: Simulator | undefined;
afterEach(() => simulator?.close());

async function start(options: { script?: ScriptInput; logLimit?: number } = {}): Promise<Simulator> {
  simulator = await startSimulator(options);
  return simulator;
}

async function post(url: string, body: unknown, key = 'k'): Promise<Response> {
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
  return fetch(url, { method: 'POST', headers, body: typeof body === 'string' ? body : JSON.stringify(body) });
}

const hello = { model: 'm', messages: [{ role: 'user', content: 'Hello, world' }] };

describe('a script', () => {
  test('gives its steps to the requests that match, in one sequence for all of them', async () => {
    const steps = [{ status: 429 }, { status: 500, times: 2 }, { text: 'done' }];
    const { url } = await start({ script: { rules: [{ match: { model: 'm' }, steps }] } });
    const statuses = [];
    for (let i = 0; i < 5; i++) statuses.push((await post(`${url}/v1/chat/completions`, hello)).status);
    expect(statuses).toEqual([429, 500, 500, 200, 200]);
    expect((await post(`${url}/v1/chat/completions`, { ...hello, model: 'other' })).status).toBe(200);
  });

  test('begins again after its last step where it is a cycle', async () => {
    const rule = { match: {}, steps: [{ status: 503 }, {}], afterwards: 'cycle' as const };
    const { url } = await start({ script: { rules: [rule] } });
    const statuses = [];
    for (let i = 0; i < 4; i++) statuses.push((await post(`${url}/v1/chat/completions`, hello)).status);
    expect(statuses).toEqual([503, 200, 503, 200]);
  });

  test.each([
    ['wire', { wire: 'chat' as const }],
    ['path', { path: '/acme/' }],
    ['contains', { contains: 'world' }],
    ['key', { key: 'key-two' }],
  ])('tells requests apart by %s', async (_field, match) => {
    const { url } = await start({ script: { rules: [{ match, steps: [{ status: 418 }] }] } });
    const hit = await post(`${url}/acme/v1/chat/completions`, hello, 'key-two');
    const miss = await post(`${url}/v1/responses`, { model: 'm', input: 'Bye' }, 'key-one');
    expect([hit.status, miss.status]).toEqual([418, 200]);
  });

  test('calls tools of one turn together', async () => {
    const steps = [
      { tool: 'write_file', args: { path: 'a' } },
      { tool: 'write_file', parallel: true },
      { text: 'Done.' },
    ];
    const { url } = await start({ script: { rules: [{ match: {}, steps }] } });
    const client = clientFor('messages', url);
    expect((await client.stream({ prompt: 'Go' })).tools).toHaveLength(2);
    expect((await client.stream({ prompt: 'Go' })).text).toBe('Done.');
  });

  test('is refused with every problem where it does not parse', () => {
    const wrong = {
      rules: [
        { match: {}, steps: [{ latency: 5 }] },
        { match: { wire: 'smoke' }, steps: [] },
      ],
    };
    try {
      parseScript(wrong);
      expect.unreachable();
    } catch (error) {
      if (!isErrandError(error, 'CONFIG_INVALID')) throw error;
      expect(error.problems.map(({ path }) => path)).toEqual([
        'rules.0.steps.0',
        'rules.1.match.wire',
        'rules.1.steps',
      ]);
    }
  });
});

describe('the log', () => {
  test.each(['responses', 'chat', 'messages'] as const)('keeps a %s request as received', async (wire) => {
    const running = await start();
    const ended = new Promise((resolve) => running.onRequest((_, phase) => phase === 'ended' && resolve(phase)));
    await clientFor(wire, running.url).stream({ prompt: 'What was sent?' });
    await ended;
    const [logged] = running.requests();
    expect(logged).toMatchObject({
      seq: 1,
      method: 'POST',
      wire,
      host: `127.0.0.1:${running.port}`,
      key: SENT.key,
      model: SENT.model,
      is_stream: true,
      tool_count: 1,
      turn: 1,
      last_user_text: 'What was sent?',
      status: 200,
      ended: 'complete',
    });
    expect(logged?.headers.authorization).toBe(`Bearer ${SENT.key}`);
    expect(logged?.headers['user-agent']).toMatch(/openai|anthropic/i);
    expect(JSON.parse(logged?.body ?? '')).toMatchObject({ model: SENT.model });
  });

  test('keeps the last requests only, oldest first', async () => {
    const running = await start({ logLimit: 3 });
    for (const model of ['a', 'b', 'c', 'd', 'e']) await post(`${running.url}/v1/messages`, { ...hello, model });
    expect(running.requests().map(({ model }) => model)).toEqual(['c', 'd', 'e']);
    running.clearRequests();
    expect(running.requests()).toEqual([]);
  });

  test('is read and cleared over HTTP', async () => {
    const { url } = await start();
    for (const model of ['a', 'b', 'a']) await post(`${url}/chat/completions`, { ...hello, model });
    const read = async (query: string) => {
      const body: { requests: { seq: number }[] } = JSON.parse(
        await (await fetch(`${url}/_sim/requests${query}`)).text(),
      );
      return body.requests.map(({ seq }) => seq);
    };
    expect(await read('')).toEqual([1, 2, 3]);
    expect(await read('?model=a')).toEqual([1, 3]);
    expect(await read('?model=a&limit=1')).toEqual([3]);
    expect((await fetch(`${url}/_sim/requests`, { method: 'DELETE' })).status).toBe(204);
    expect(await read('')).toEqual([]);
    expect(await (await fetch(`${url}/_sim/health`)).json()).toEqual({ status: 'ok', in_flight: 0 });
  });

  test('holds what is no model call too', async () => {
    const running = await start();
    const statuses = [
      (await post(`${running.url}/v1/chat/completions`, 'not json')).status,
      (await post(`${running.url}/v1/chat/completions`, { messages: [] })).status,
      (await post(`${running.url}/v1/responses`, { model: 'm' })).status,
      (await post(`${running.url}/v2/nothing`, hello)).status,
      (await fetch(`${running.url}/v1/messages`)).status,
      (await fetch(`${running.url}//`)).status,
    ];
    expect(statuses).toEqual([400, 400, 400, 404, 404, 404]);
    expect(running.requests().map(({ status }) => status)).toEqual(statuses);
  });
});

test('closes while requests hang, and ends their sockets', async () => {
  const running = await start();
  const received = new Promise((resolve) => running.onRequest(resolve));
  const call = clientFor('chat', running.url).create({ prompt: '[[sim: hang=headers]]' });
  const failing = expect(call).rejects.toThrow('Connection error');
  await received;
  await running.close();
  await failing;
});
