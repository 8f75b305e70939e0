import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { openRedis } from '../../helpers/redis.ts';
import { Canaries } from './canaries.ts';
import { targets } from './forger.ts';
import { jobFields, jobLists } from './other-places.ts';

async function placed() {
  const base = await mkdtemp(join(tmpdir(), 'errand-canaries-'));
  const redis = openRedis();
  const canaries = await Canaries.place(base, join(base, 'workspaces'), redis);
  onTestFinished(async () => {
    await canaries.remove();
    await redis.unlink('{other}:records:task:kept');
    await rm(base, { recursive: true, force: true });
  });
  return { canaries, redis };
}

test('each harm to a resource beside the deployment is reported', async () => {
  const { canaries, redis } = await placed();
  expect(await canaries.harm()).toEqual([]);
  if (canaries.notesReads) {
    await readFile(join(canaries.dir, 'kept.txt'));
    expect(await canaries.harm()).toEqual(['a file beside the deployment was read']);
  }
  await fetch(`http://${canaries.host}/`).catch(() => null);
  await redis.hset('{other}:records:task:kept', 'epoch', '2');
  await rm(canaries.link);
  const harm = await canaries.harm();
  expect(harm).toEqual([
    'a link among the workspaces is gone',
    expect.stringContaining('was called 1 times'),
    'keys of another prefix have changed',
  ]);
});

test('the fields of a job and the lists of a queue are read from BullMQ', () => {
  expect(jobFields()).toEqual(expect.arrayContaining(['data', 'opts', 'parentKey', 'pb', 'returnvalue']));
  expect(jobLists()).toEqual(expect.arrayContaining(['active', 'wait', 'stalled', 'waiting-children']));
  expect(targets().length).toBeGreaterThan(500);
});
