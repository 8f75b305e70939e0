import { once } from 'node:events';
import { expect, test } from 'vitest';
import { type CallLimits, CallTimers } from '../../src/providers/timers.ts';
import { profileAt } from './models.ts';

const TIMEOUTS = { headers_ms: 10_000, first_token_ms: 10_000, idle_ms: 10_000, turn_ms: 10_000 };

function timersOf(timeouts: Partial<typeof TIMEOUTS>, limits?: CallLimits) {
  const profile = profileAt('chat', 'https://llm.example', { timeouts: { ...TIMEOUTS, ...timeouts } });
  return new CallTimers(profile, new AbortController().signal, limits);
}

async function messageOfExpiry(timers: CallTimers): Promise<string | undefined> {
  await once(timers.signal, 'abort');
  timers.stop();
  return timers.expired?.message;
}

test('what a task allows lowers the limit of its provider, and the message says whose it was', async () => {
  const timers = timersOf({}, { idle_ms: 40 });
  timers.headersArrived();
  timers.eventArrived();
  expect(await messageOfExpiry(timers)).toBe(
    'Provider "acme" sent no further event within 40 ms (the task\'s budget).',
  );
  expect(timers.expired?.code).toBe('PROVIDER_STREAM_STALLED');
});

test('what a task allows never raises the limit of its provider', async () => {
  const timers = timersOf({ turn_ms: 40 }, { turn_ms: 5_000 });
  expect(await messageOfExpiry(timers)).toBe('Provider "acme" sent no complete turn within 40 ms (timeouts.turn_ms).');
});

test('a limit that is not passed is not told of, also after an abort of the caller', () => {
  const caller = new AbortController();
  const timers = new CallTimers(profileAt('chat', 'https://llm.example'), caller.signal);
  caller.abort(new Error('cancelled'));
  timers.stop();
  expect(timers.signal.reason).toEqual(new Error('cancelled'));
  expect(timers.expired).toBeUndefined();
});
