import { getEventListeners } from 'node:events';
import { expect, test } from 'vitest';
import { isoNow, monotonicMs, sleep } from '../../src/base/clock.ts';
import { Outcome } from '../../src/contract/outcome.ts';

test('sleep resolves when its time is over, not before', async () => {
  const from = monotonicMs();
  await sleep(20);
  expect(monotonicMs() - from).toBeGreaterThanOrEqual(19);
});

test('sleep rejects with the reason of an abort at once and leaves no listener', async () => {
  const controller = new AbortController();
  const reason = new Error('enough');
  const sleeping = sleep(60_000, controller.signal);
  controller.abort(reason);
  await expect(sleeping).rejects.toBe(reason);
  expect(getEventListeners(controller.signal, 'abort')).toEqual([]);
});

test('sleep rejects at once with the reason of a signal that has aborted', async () => {
  await expect(sleep(60_000, AbortSignal.abort('why'))).rejects.toBe('why');
});

test('sleep leaves no listener on a signal that never aborts', async () => {
  const { signal } = new AbortController();
  await sleep(1, signal);
  expect(getEventListeners(signal, 'abort')).toEqual([]);
});

test('isoNow is a time that records accept', () => {
  expect(Outcome.options[0].shape.ended_at.safeParse(isoNow()).success).toBe(true);
});
