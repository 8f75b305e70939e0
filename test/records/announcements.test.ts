import { expect, test } from 'vitest';
import { Announcements, isServed } from '../../src/records/announcements.ts';
import { Keys } from '../../src/records/keys.ts';
import { WorkerRecords } from '../../src/records/worker-records.ts';
import { identifyWorker } from '../../src/worker/holding/identity.ts';
import { freshPrefix, openRedis } from '../helpers/redis.ts';

function openAnnouncements() {
  const redis = openRedis();
  const prefix = freshPrefix();
  const workers = new WorkerRecords(redis, prefix);
  return { redis, workers, announcements: new Announcements(redis, prefix), keys: new Keys(prefix) };
}

test('a live worker is listed with the lanes that it announces', async () => {
  const { workers, announcements, redis, keys } = openAnnouncements();
  const self = await identifyWorker('one');
  await announcements.publish(self.instance, { lanes: ['openai', 'local'], reader: 1 });
  await workers.register(self);
  const live = await announcements.live();
  expect(live).toEqual([{ instance: self.instance, announcement: { lanes: ['openai', 'local'], reader: 1 } }]);
  expect(['openai', 'local', 'acme'].map((lane) => isServed(lane, live))).toEqual([true, true, false]);
  expect(Object.keys(await redis.hgetall(keys.lanesServed())).sort()).toEqual(['local', 'openai']);
  expect(await redis.pttl(keys.serves(self.instance))).toBeGreaterThan(10_000);
});

test('a live worker that announces nothing may serve any lane', async () => {
  const { workers, announcements } = openAnnouncements();
  await workers.register(await identifyWorker('earlier'));
  const live = await announcements.live();
  expect(live).toMatchObject([{ announcement: null }]);
  expect(isServed('acme', live)).toBe(true);
});

test('a worker whose last beat is too long ago is not listed', async () => {
  const { workers, announcements, redis, keys } = openAnnouncements();
  const self = await identifyWorker('gone');
  await announcements.publish(self.instance, { lanes: ['openai'], reader: 1 });
  await workers.register(self);
  await redis.hincrby(keys.beats(), self.instance, -20_000);
  expect(await announcements.live()).toEqual([]);
  expect(isServed('openai', [])).toBe(false);
});

test('an announcement of a later version is read with the fields that are known', async () => {
  const { workers, announcements, redis, keys } = openAnnouncements();
  const self = await identifyWorker('later');
  await workers.register(self);
  await redis.set(keys.serves(self.instance), JSON.stringify({ lanes: ['openai'], reader: 7, tools: ['x'] }));
  expect(await announcements.live()).toMatchObject([{ announcement: { lanes: ['openai'], reader: 7, tools: ['x'] } }]);
});

test('an announcement that does not parse counts as none', async () => {
  const { workers, announcements, redis, keys } = openAnnouncements();
  const self = await identifyWorker('damaged');
  await workers.register(self);
  for (const text of ['{', '{"lanes":"openai"}', 'null']) {
    await redis.set(keys.serves(self.instance), text);
    expect(await announcements.live(), text).toMatchObject([{ announcement: null }]);
  }
});

test('a worker that stops removes its announcement', async () => {
  const { announcements, redis, keys } = openAnnouncements();
  await announcements.publish('one.1', { lanes: ['openai'], reader: 1 });
  await announcements.withdraw('one.1');
  expect(await redis.exists(keys.serves('one.1'))).toBe(0);
});
