import Anthropic from '@anthropic-ai/sdk';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type Simulator, startSimulator } from '../../src/entries/simulator.ts';
import { errorOf } from './probes.ts';
import { clientFor, SENT, type WireClient } from './wire-clients.ts';

let simulator: Simulator;
beforeAll(async () => {
  simulator = await startSimulator();
});
beforeEach(() => simulator.clearRequests());
afterAll(() => simulator.close());

describe.each(['responses', 'chat', 'messages'] as const)('%s', (wire) => {
  let client: WireClient;
  beforeAll(() => {
    client = clientFor(wire, simulator.url);
  });
  const isAnthropic = wire === 'messages';

  test.each([
    { status: 400, openai: 'invalid_request_error', anthropic: 'invalid_request_error' },
    { status: 401, openai: 'invalid_request_error', anthropic: 'authentication_error' },
    { status: 403, openai: 'invalid_request_error', anthropic: 'permission_error' },
    { status: 404, openai: 'invalid_request_error', anthropic: 'not_found_error' },
    { status: 429, openai: 'requests', anthropic: 'rate_limit_error' },
    { status: 500, openai: 'server_error', anthropic: 'api_error' },
    { status: 529, openai: 'server_error', anthropic: 'overloaded_error' },
  ])('answers status=$status in the form of the vendor', async ({ status, openai, anthropic }) => {
    const error = await errorOf(client.stream({ prompt: `[[sim: status=${status} message="Said so."]]` }));
    expect(error).toMatchObject({ status, type: isAnthropic ? anthropic : openai });
    expect(error.message).toContain('Said so.');
    expect(error.requestID).toMatch(/^req_/);
  });

  test('puts the given type, code and param into the error', async () => {
    const prompt = '[[sim: status=429 error_type=billing code=insufficient_quota param=reasoning_effort]]';
    const error = await errorOf(client.create({ prompt }));
    expect(error.type).toBe('billing');
    if (error instanceof Anthropic.APIError) expect(error.errorCode).toBe('insufficient_quota');
    else expect(error).toMatchObject({ code: 'insufficient_quota', param: 'reasoning_effort' });
  });

  test.each([
    ['retry_after=0', 'retry-after', '0'],
    ['retry_after=1', 'retry-after', '1'],
    ['retry_after=61', 'retry-after', '61'],
    ['retry_after=3600', 'retry-after', '3600'],
    ['retry_after="Sun, 22 Nov 2026 10:00:00 GMT"', 'retry-after', 'Sun, 22 Nov 2026 10:00:00 GMT'],
    ['retry_after_ms=300', 'retry-after-ms', '300'],
    ['', 'retry-after', null],
  ])('asks to wait with %s', async (parameter, header, value) => {
    const { headers } = await errorOf(client.create({ prompt: `[[sim: status=429 ${parameter}]]` }));
    expect(headers?.get(header)).toBe(value);
    const remaining = isAnthropic ? 'anthropic-ratelimit-requests-remaining' : 'x-ratelimit-remaining-requests';
    expect(headers?.get(remaining)).toBe('0');
  });

  test('writes a retry date that far ahead', async () => {
    const { headers } = await errorOf(client.create({ prompt: '[[sim: status=429 retry_after_date_ms=90000]]' }));
    const ahead = Date.parse(headers?.get('retry-after') ?? '') - Date.now();
    expect(ahead).toBeGreaterThan(85_000);
    expect(ahead).toBeLessThanOrEqual(90_000);
  });

  test('fails the first `times` requests of a conversation, one fault after the other', async () => {
    const prompt = `${wire} [[sim: status=429 times=1]] [[sim: status=500 times=1]] [[sim: text="At last."]]`;
    expect((await errorOf(client.stream({ prompt }))).status).toBe(429);
    expect((await errorOf(client.stream({ prompt }))).status).toBe(500);
    expect((await client.stream({ prompt })).text).toBe('At last.');
    expect((await errorOf(client.stream({ prompt: `Another goal. ${prompt}` }))).status).toBe(429);
  });

  test('repeats the key in an error and in an answer where directed', async () => {
    expect((await errorOf(client.create({ prompt: '[[sim: status=401 echo=key]]' }))).message).toContain(SENT.key);
    expect((await client.create({ prompt: '[[sim: echo=key]]' })).text).toContain(SENT.key);
  });

  test('refuses an unreadable directive by naming it', async () => {
    const error = await errorOf(client.create({ prompt: '[[sim: latency=200]]' }));
    expect(error.status).toBe(400);
    expect(error.message).toContain('latency');
  });

  test('holds a fault for its turn only', async () => {
    const prompt = '[[sim: tool=write_file args={}]] [[sim: status=500 turn=2]]';
    const { native, tools } = await client.stream({ prompt });
    const rounds = [{ native, results: tools.map(({ id }) => ({ id, text: 'ok' })) }];
    expect((await errorOf(client.stream({ prompt, rounds }))).status).toBe(500);
  });
});
