import { afterEach, describe, expect, test } from 'vitest';
import type { Directive, Simulator } from '../../src/entries/simulator.ts';
import type { FailureCode } from '../../src/errors.ts';
import { requestIdOf, retryAfterMsOf } from '../../src/providers/faults.ts';
import { faultOfTurn, KEY, providerAt, sendEvents, serve, simulate, WIRES } from './models.ts';

let sim: Simulator;
afterEach(() => sim?.close());

const ANSWERS: [string, Directive, FailureCode][] = [
  ['401', { status: 401 }, 'CREDENTIAL_REJECTED'],
  ['403', { status: 403 }, 'CREDENTIAL_REJECTED'],
  ['402', { status: 402 }, 'PROVIDER_QUOTA_EXHAUSTED'],
  ['429', { status: 429 }, 'PROVIDER_RATE_LIMITED'],
  ['429 for an empty account', { status: 429, code: 'insufficient_quota' }, 'PROVIDER_QUOTA_EXHAUSTED'],
  ['429 at a spend limit', { status: 429, code: 'enforced_spend_limit_reached' }, 'PROVIDER_QUOTA_EXHAUSTED'],
  ['400 for lack of credit', { status: 400, message: 'Your credit balance is too low.' }, 'PROVIDER_QUOTA_EXHAUSTED'],
  ['429 at the quota', { status: 429, error_type: 'exceeded_current_quota_error' }, 'PROVIDER_QUOTA_EXHAUSTED'],
  ['429 that no wait helps', { status: 429, message: 'Request too large for gpt-5 on TPM.' }, 'CONTEXT_TOO_LONG'],
  ['503', { status: 503 }, 'PROVIDER_OVERLOADED'],
  ['529', { status: 529 }, 'PROVIDER_OVERLOADED'],
  ['500', { status: 500 }, 'PROVIDER_FAILED'],
  ['408', { status: 408 }, 'PROVIDER_FAILED'],
  ['409', { status: 409 }, 'PROVIDER_FAILED'],
  ['400 for length by its code', { status: 400, code: 'context_length_exceeded' }, 'CONTEXT_TOO_LONG'],
  ['400 for length by its message', { status: 400, message: 'prompt is too long: 9 > 8' }, 'CONTEXT_TOO_LONG'],
  ['400', { status: 400 }, 'PROVIDER_REFUSED_REQUEST'],
  ['404', { status: 404 }, 'PROVIDER_REFUSED_REQUEST'],
  ['422', { status: 422 }, 'PROVIDER_REFUSED_REQUEST'],
];

describe.each(WIRES)('on the %s wire', (wire) => {
  test.each(ANSWERS)('an answer %s gets its code, its status and its request id', async (_, directive, code) => {
    sim = await simulate(directive);
    const fault = await faultOfTurn(providerAt(wire, sim.url));
    expect(fault).toMatchObject({ code, httpStatus: directive.status });
    expect(fault.requestId).toMatch(/\S/);
    expect(sim.requests()).toHaveLength(1);
  });

  test('an overload told inside the stream is an overload', async () => {
    sim = await simulate({ fail: 'event', error_type: 'overloaded_error' });
    expect(await faultOfTurn(providerAt(wire, sim.url))).toMatchObject({ code: 'PROVIDER_OVERLOADED' });
  });

  test('the wait the provider asks for is kept, however long', async () => {
    sim = await simulate({ status: 429, retry_after: 3600 });
    expect(await faultOfTurn(providerAt(wire, sim.url))).toMatchObject({ retryAfterMs: 3_600_000 });
  });

  test("the provider's message is whole until it is masked; no cause repeats it", async () => {
    sim = await simulate({ status: 400, message: 'x'.repeat(5_000) });
    const fault = await faultOfTurn(providerAt(wire, sim.url));
    expect(fault.message).toContain('x'.repeat(5_000));
    expect(fault.cause).toBeUndefined();
  });

  test('a redirect is refused, and what it points to never hears of it [B71]', async () => {
    const visits: string[] = [];
    const trap = await serve((req, res) => {
      visits.push(req.url ?? '');
      res.end();
    });
    const door = await serve((_, res) => res.writeHead(307, { location: `${trap.url}/elsewhere` }).end());
    const fault = await faultOfTurn(providerAt(wire, door.url));
    await Promise.all([trap.close(), door.close()]);
    expect(fault.code).toBe('PROVIDER_REFUSED_REQUEST');
    expect(fault.message).toContain('redirect');
    expect(visits).toEqual([]);
  });
});

test('response.failed is a fault with the code it carries', async () => {
  sim = await simulate({ fail: 'response', code: 'rate_limit_exceeded', message: 'slow down' });
  const fault = await faultOfTurn(providerAt('responses', sim.url));
  expect(fault).toMatchObject({
    code: 'PROVIDER_RATE_LIMITED',
    message: expect.stringContaining('slow down'),
    requestId: expect.stringMatching(/\S/),
  });
});

test.each(['failed', 'cancelled'])('response.completed of a response that has %s is a fault', async (status) => {
  const output = [{ type: 'message', role: 'assistant', content: [{ type: 'output_text', text: 'Half an ans' }] }];
  const server = await serve((_, res) =>
    sendEvents(res, [[null, { type: 'response.completed', response: { status, error: null, output } }]]),
  );
  const fault = await faultOfTurn(providerAt('responses', server.url));
  await server.close();
  expect(fault).toMatchObject({
    code: 'PROVIDER_FAILED',
    message: `Provider "acme" failed in its stream: the response ended with the status "${status}"`,
  });
});

test.each(['reasoning.effort', 'output_config.effort'])('a refused %s is told with the way out', async (param) => {
  sim = await simulate({ status: 400, message: 'Unsupported value.', param });
  const fault = await faultOfTurn(providerAt('responses', sim.url));
  expect(fault.code).toBe('PROVIDER_REFUSED_REQUEST');
  expect(fault.remedy).toContain('providers.acme.efforts');
});

test('an error wrapped in an array, as Gemini sends it, is read', async () => {
  const gemini = await serve((_, res) => {
    res.writeHead(400, { 'content-type': 'application/json' });
    res.end(JSON.stringify([{ error: { code: 400, message: 'API key not valid.', status: 'INVALID_ARGUMENT' } }]));
  });
  const fault = await faultOfTurn(providerAt('chat', gemini.url));
  await gemini.close();
  expect(fault.message).toBe('Provider "acme" refused the key env:ACME_API_KEY: it answered 400: API key not valid.');
});

test('tools with effort on the chat wire of OpenAI are refused with the way out', async () => {
  const message = 'Function tools with reasoning_effort are not supported for gpt-5.6 in /v1/chat/completions.';
  sim = await simulate({ status: 400, message, param: 'reasoning_effort' });
  const fault = await faultOfTurn(providerAt('chat', sim.url));
  expect(fault.code).toBe('PROVIDER_REFUSED_REQUEST');
  expect(fault.remedy).toContain('wire "responses"');
});

test('no message, cause or stack of a fault holds the key', async () => {
  const faults = [{ status: 401 }, { cut: 'reset', after: 1 }, { malformed: 'json' }] satisfies Directive[];
  for (const wire of WIRES) {
    for (const directive of faults) {
      sim = await simulate({ text: 'some longer text', ...directive });
      const fault = await faultOfTurn(providerAt(wire, sim.url));
      expect(`${fault.message} ${fault.stack} ${String(fault.cause)}`).not.toContain(KEY);
      await sim.close();
    }
  }
});

describe('retryAfterMsOf', () => {
  const now = Date.parse('2026-11-22T10:00:00Z');
  const forms: [Record<string, string>, number | undefined][] = [
    [{ 'retry-after': '0' }, 0],
    [{ 'retry-after': '1.5' }, 1_500],
    [{ 'retry-after': '61' }, 61_000],
    [{ 'retry-after-ms': '250' }, 250],
    [{ 'retry-after-ms': '250', 'retry-after': '9' }, 250],
    [{ 'retry-after-ms': 'soon', 'retry-after': '9' }, 9_000],
    [{ 'retry-after': 'Sun, 22 Nov 2026 10:00:30 GMT' }, 30_000],
    [{ 'retry-after': 'Sun, 22 Nov 2026 09:00:00 GMT' }, 0],
    [{ 'retry-after': '-5' }, 0],
    [{ 'retry-after': 'later' }, undefined],
    [{ 'retry-after': 'Retry in 10' }, undefined],
    [{ 'retry-after': '1, 2' }, undefined],
    [{ 'retry-after': '2026-11-22T10:00:05Z' }, 5_000],
    [{}, undefined],
  ];
  test.each(forms)('reads %j as %s ms', (headers, expected) => {
    expect(retryAfterMsOf(new Headers(headers), now)).toBe(expected);
  });
});

describe('requestIdOf', () => {
  const forms: [string, Record<string, string>, string | undefined][] = [
    ['its first name', { 'x-request-id': 'req_1', 'request-id': 'req_2' }, 'req_1'],
    ['its second name', { 'request-id': 'req_2' }, 'req_2'],
    ['200 characters', { 'x-request-id': 'r'.repeat(200) }, 'r'.repeat(200)],
    ['a text that is too long, beside an id', { 'x-request-id': 'r'.repeat(201), 'request-id': 'req_2' }, 'req_2'],
    ['a text that is far too long', { 'x-request-id': 'r'.repeat(12_000) }, undefined],
    ['two values', { 'x-request-id': 'req_1, req_2' }, undefined],
    ['a control character', { 'x-request-id': 'a\u009b31mb' }, undefined],
    ['an empty value beside an id', { 'x-request-id': '', 'request-id': 'req_2' }, 'req_2'],
    ['no header', {}, undefined],
  ];
  test.each(forms)('takes an id from a header, and from nothing that cannot be one: %s', (_, headers, expected) => {
    expect(requestIdOf(new Headers(headers))).toBe(expected);
  });
});
