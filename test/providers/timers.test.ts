import { once } from 'node:events';
import { expect, onTestFinished, test, vi } from 'vitest';
import type { ReasoningEffort } from '../../src/contract/effort.ts';
import { type CallCaps, callLimitsOf } from '../../src/providers/call-limits.ts';
import { CallTimers } from '../../src/providers/timers.ts';
import { providerAt } from './models.ts';

const TIMEOUTS = { headers_ms: 10_000, first_token_ms: 10_000, idle_ms: 10_000, turn_ms: 10_000 };

function timersOf(timeouts: Partial<typeof TIMEOUTS>, caps?: CallCaps, effort: ReasoningEffort | null = null) {
  const provider = providerAt('chat', 'https://llm.example', { timeouts: { ...TIMEOUTS, ...timeouts } });
  return new CallTimers('acme', callLimitsOf(provider, effort, caps), new AbortController().signal);
}

async function messageOfExpiry(timers: CallTimers): Promise<string | undefined> {
  await once(timers.signal, 'abort');
  timers.stop();
  return timers.expired?.message;
}

test('a finished turn waits 10 s for another event, or the idle limit if it is shorter', () => {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  for (const [idleMs, waitMs] of [
    [120_000, 10_000],
    [3_000, 3_000],
  ] as const) {
    const timers = timersOf({ idle_ms: idleMs, turn_ms: 1_800_000 });
    timers.headersArrived();
    timers.finishedEventArrived();
    vi.advanceTimersByTime(waitMs - 1);
    timers.finishedEventArrived();
    timers.streamIsAlive();
    vi.advanceTimersByTime(waitMs - 1);
    expect(timers.signal.aborted).toBe(false);
    vi.advanceTimersByTime(1);
    expect(timers.signal.aborted).toBe(true);
    expect(timers.expired).toBeUndefined();
    timers.stop();
  }
});

test('a task lowers the limit of its provider, and the message says whose it was', async () => {
  const timers = timersOf({}, { idle_ms: 40 });
  timers.headersArrived();
  timers.eventArrived();
  expect(await messageOfExpiry(timers)).toBe(
    'Provider "acme" sent no further event within 40 ms (budget.idle_seconds).',
  );
  expect(timers.expired?.code).toBe('PROVIDER_STREAM_STALLED');
});

test('a stream may be silent longer for a high effort, within the limit of its task', async () => {
  const thinking = timersOf({ idle_ms: 20 }, undefined, 'high');
  thinking.headersArrived();
  thinking.eventArrived();
  expect(await messageOfExpiry(thinking)).toBe(
    'Provider "acme" sent no further event within 100 ms (5 × timeouts.idle_ms).',
  );
  const hurried = timersOf({ idle_ms: 20 }, { idle_ms: 30 }, 'max');
  hurried.headersArrived();
  hurried.eventArrived();
  expect(await messageOfExpiry(hurried)).toContain('within 30 ms (budget.idle_seconds)');
});

test('a sign of life keeps a stream that has begun, and no other', async () => {
  const waiting = timersOf({ first_token_ms: 60 });
  waiting.headersArrived();
  const signs = setInterval(() => waiting.streamIsAlive(), 10);
  expect(await messageOfExpiry(waiting)).toContain('no first event');
  clearInterval(signs);
  const alive = timersOf({ idle_ms: 60, turn_ms: 200 });
  alive.headersArrived();
  alive.eventArrived();
  const more = setInterval(() => alive.streamIsAlive(), 10);
  expect(await messageOfExpiry(alive)).toContain('no complete turn');
  clearInterval(more);
});

test('what a task allows never raises the limit of its provider', async () => {
  const timers = timersOf({ turn_ms: 40 }, { turn_ms: 5_000 });
  expect(await messageOfExpiry(timers)).toBe('Provider "acme" sent no complete turn within 40 ms (timeouts.turn_ms).');
});

test('a limit that is not passed is not told of, also after an abort of the caller', () => {
  const caller = new AbortController();
  const timers = new CallTimers('acme', callLimitsOf(providerAt('chat', 'https://llm.example'), null), caller.signal);
  caller.abort(new Error('cancelled'));
  timers.stop();
  expect(timers.signal.reason).toEqual(new Error('cancelled'));
  expect(timers.expired).toBeUndefined();
});
