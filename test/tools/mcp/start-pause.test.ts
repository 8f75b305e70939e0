import { expect, onTestFinished, test, vi } from 'vitest';
import { NotStarted, StartPause } from '../../../src/tools/mcp/start-pause.ts';

/** How long a failed start keeps others away, in ms. */
function pausesOf(pause: StartPause, count: number): Promise<number[]> {
  const fail = async () => {
    throw new NotStarted('it did not start');
  };
  const next = async (): Promise<number> => {
    await expect(pause.run(fail)).rejects.toThrow(/^it did not start$/);
    await expect(pause.run(fail)).rejects.toThrow(/^it did not start; it is tried again in \d+ s$/);
    for (let ms = 0; ; ms += 500) {
      vi.advanceTimersByTime(500);
      const isOver = await pause.run(async () => Promise.reject(new Error('not counted'))).catch(String);
      if (isOver === 'Error: not counted') return ms + 500;
    }
  };
  return Array.from({ length: count }).reduce<Promise<number[]>>(
    async (before) => [...(await before), await next()],
    Promise.resolve([]),
  );
}

test('after each failed start a server is left alone for longer, up to 30 s', async () => {
  vi.useFakeTimers({ toFake: ['performance'] });
  onTestFinished(() => void vi.useRealTimers());
  const pause = new StartPause();
  expect(await pausesOf(pause, 7)).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
  await pause.run(async () => 'started');
  expect(await pausesOf(pause, 1)).toEqual([1_000]);
});
