import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { type PrefixPlace, WarmPrefixes } from '../../src/worker/warm-prefixes.ts';

const live = new AbortController().signal;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
});
afterEach(() => {
  vi.useRealTimers();
});

/** Attempts with one prefix, in the order in which they ask, and which of them may send their request. */
async function waiting(count: number, prefixes = new WarmPrefixes()) {
  const places = Array.from({ length: count }, () => prefixes.placeOf('prefix'));
  const isReady = places.map(() => false);
  for (const [at, place] of places.entries()) {
    void place.ready(live).then(() => {
      isReady[at] = true;
    });
  }
  await settled();
  return { isReady, place: (at: number): PrefixPlace => places[at] ?? expect.fail(`no place ${at}`) };
}

/** Lets everything happen that waits for no timer. */
async function settled(): Promise<void> {
  await vi.advanceTimersByTimeAsync(0);
}

test('the first attempt goes ahead, and the others follow its answer', async () => {
  const { isReady, place } = await waiting(3);
  expect(isReady).toEqual([true, false, false]);
  place(0).answered();
  await settled();
  expect(isReady).toEqual([true, true, true]);
});

test('an attempt waits at most 3 s for the first answer', async () => {
  const { isReady } = await waiting(2);
  await vi.advanceTimersByTimeAsync(2_990);
  expect(isReady).toEqual([true, false]);
  await vi.advanceTimersByTimeAsync(20);
  expect(isReady).toEqual([true, true]);
});

test('the next attempt goes ahead if the first one ends without an answer', async () => {
  const { isReady, place } = await waiting(3);
  place(0).leave();
  await settled();
  expect(isReady).toEqual([true, true, false]);
  place(1).answered();
  await settled();
  expect(isReady).toEqual([true, true, true]);
});

test('an attempt that waits is aborted with its signal', async () => {
  const prefixes = new WarmPrefixes();
  await prefixes.placeOf('prefix').ready(live);
  const controller = new AbortController();
  const waits = prefixes.placeOf('prefix').ready(controller.signal);
  controller.abort(new Error('cancelled'));
  await expect(waits).rejects.toThrow('cancelled');
  expect(vi.getTimerCount()).toBe(0);
});

test('other prefixes do not wait, and a prefix is warmed again after 4 minutes', async () => {
  const prefixes = new WarmPrefixes();
  const { place } = await waiting(1, prefixes);
  await prefixes.placeOf('another').ready(live);
  place(0).answered();
  expect((await waiting(2, prefixes)).isReady).toEqual([true, true]);
  await vi.advanceTimersByTimeAsync(240_000);
  expect((await waiting(2, prefixes)).isReady).toEqual([true, false]);
});
