import { expect, test } from 'vitest';
import { ErrandError } from '../../src/errors.ts';
import { faultOf } from '../../src/providers/faults.ts';
import { namingRoute } from '../../src/providers/named-refusal.ts';
import { replyTooLarge } from '../../src/providers/reply-budget.ts';
import { ReplyLimits } from '../../src/providers/wires/reply-limits.ts';
import { providerAt } from './models.ts';

const acme = providerAt('chat', 'https://llm.example/v1');

function failed(code: string, message: string): Error {
  return Object.assign(new Error(message), { code });
}

test.each([
  ['ECONNRESET', 'read ECONNRESET', 'the connection was closed (ECONNRESET)', /proxy or a firewall .* llm\.example/],
  [
    'ENOTFOUND',
    'getaddrinfo ENOTFOUND llm.example',
    'the host name has no address (ENOTFOUND)',
    /getent hosts llm\.ex/,
  ],
  ['ENOBUFS', 'write ENOBUFS', 'write ENOBUFS', /\S/],
  ['UND_ERR_OTHER', 'something', 'something (UND_ERR_OTHER)', /\S/],
  ['ECONNABORTED', '', 'no reason given (ECONNABORTED)', /\S/],
])('a connection that failed with %s is reported in our words, with its code once', (code, message, words, remedy) => {
  const fault = faultOf(acme, failed(code, message));
  expect(fault.code).toBe('PROVIDER_UNREACHABLE');
  expect(fault.message).toBe(`Connection to provider "acme" at llm.example failed: ${words}`);
  expect(fault.remedy).toMatch(remedy);
});

test('a reply with too many calls names its provider', () => {
  const limits = new ReplyLimits();
  const fill = () => {
    for (let calls = 0; calls < 200; calls++) limits.call();
  };
  const thrown = [caught(fill), replyTooLarge('acme', 'a reply of more than 128 tool calls')];
  for (const error of thrown) {
    expect(faultOf(acme, error).message).toBe('Provider "acme" sent a reply of more than 128 tool calls.');
  }
});

test.each([
  ['PROVIDER_QUOTA_EXHAUSTED', 'Provider "acme" has no credit left for the key env:ACME_API_KEY: it answered 402: x'],
  [
    'CONTEXT_TOO_LONG',
    'Provider "acme" cannot take a conversation of this length with the model "m": it answered 402: x',
  ],
] as const)('%s names the key or the model', (code, message) => {
  const fault = new ErrandError(code, 'Provider "acme" answered 402: x');
  expect(namingRoute(fault, { provider: acme, model: 'm' })).toMatchObject({ code, message, remedy: fault.remedy });
});

function caught(act: () => void): unknown {
  try {
    act();
  } catch (error) {
    return error;
  }
  return undefined;
}
