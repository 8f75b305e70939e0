import { expect, test } from 'vitest';
import { Announcements } from '../../src/records/announcements.ts';
import { aDeployment } from '../helpers/deployment.ts';
import { openRedis, storedIn } from '../helpers/redis.ts';

test('a worker announces its lanes while it runs and nothing once it has drained', async () => {
  const { prefix, startWorker } = await aDeployment();
  const redis = openRedis();
  const announcements = new Announcements(redis, prefix);
  const worker = await startWorker();
  const [live] = await announcements.live();
  expect(live?.announcement?.lanes.toSorted()).toEqual(['acme', 'anthropic', 'local', 'openai']);
  await worker.drain();
  expect(await announcements.live()).toEqual([]);
  expect(await storedIn(prefix, redis).isAnnounced(live?.instance ?? '')).toBe(false);
});
