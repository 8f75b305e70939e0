import { expect, test } from 'vitest';
import { Announcements } from '../../src/records/announcements.ts';
import { VersionWait } from '../../src/worker/version-wait.ts';
import { freshPrefix, openRedis } from '../helpers/redis.ts';
import { givenIn } from '../records/given.ts';

const HOUR_MS = 3_600_000;

/** A wait of an hour, beside one live worker of reader version 5 that serves the lane "local". */
async function aWait() {
  const redis = openRedis();
  const prefix = freshPrefix();
  const announcements = new Announcements(redis, prefix);
  const given = givenIn(prefix, redis);
  await given.identity('newer', null);
  await given.silence('newer', 0);
  await announcements.publish('newer', { lanes: ['local'], reader: 5 });
  return new VersionWait(announcements, HOUR_MS);
}

const found = (over: object) => ({ needs: 9, waitedMs: 0, looks: 1, waiting: 0, ...over });

test('without a reader the pause doubles from 1 s to 30 s, a quarter of it random', async () => {
  const wait = await aWait();
  for (const [looks, ms] of [
    [1, 1_000],
    [2, 2_000],
    [5, 16_000],
    [6, 30_000],
    [1_000_000, 30_000],
  ] as const) {
    const decided = await wait.waitFor(found({ looks }), { lane: 'local' });
    expect(decided).toMatchObject({ next: 'wait', hasReader: false });
    const delayMs = decided.next === 'wait' ? decided.delayMs : 0;
    expect(delayMs).toBeGreaterThanOrEqual(ms);
    expect(delayMs).toBeLessThanOrEqual(ms * 1.25);
  }
});

test('many waiting jobs share 100 looks a second, with a pause of at most 750 s', async () => {
  const wait = await aWait();
  const delayMs = async (waiting: number, needs: number) => {
    const decided = await wait.waitFor(found({ waiting, needs }), { lane: 'local' });
    return decided.next === 'wait' ? decided.delayMs : 0;
  };
  for (const needs of [5, 9]) {
    expect(await delayMs(10_000, needs)).toBeGreaterThanOrEqual(100_000);
    expect(await delayMs(1_000_000, needs)).toBeLessThanOrEqual(750_000);
  }
});

test('only a live, new enough reader that serves the lane restarts the wait', async () => {
  const wait = await aWait();
  const over = { waitedMs: HOUR_MS };
  expect(await wait.waitFor(found({ ...over, needs: 5 }), { lane: 'local' })).toMatchObject({
    next: 'wait',
    hasReader: true,
  });
  expect(await wait.waitFor(found({ ...over, needs: 5 }), { lane: null })).toMatchObject({
    next: 'wait',
    hasReader: true,
  });
  for (const [needs, lane] of [
    [6, 'local'],
    [5, 'openai'],
    [6, null],
  ] as const) {
    const decided = await wait.waitFor(found({ ...over, needs }), { lane });
    expect(decided).toMatchObject({ next: 'fail', error: { code: 'VERSION_TOO_NEW', needs } });
  }
});

test('the last pause ends when the wait runs out', async () => {
  const wait = await aWait();
  const decided = await wait.waitFor(found({ waitedMs: HOUR_MS - 200, looks: 9 }), { lane: 'local' });
  expect(decided).toMatchObject({ next: 'wait', delayMs: 200 });
});
