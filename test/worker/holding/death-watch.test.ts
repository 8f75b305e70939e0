import { expect, test, vi } from 'vitest';
import type { WorkerIdentity } from '../../../src/contract/worker-identity.ts';
import { DeathWatch } from '../../../src/worker/holding/death-watch.ts';
import { identifyWorker } from '../../../src/worker/holding/identity.ts';
import { openCountingRedis, openRedis } from '../../helpers/redis.ts';
import { openRecords } from '../../records/samples.ts';

/** A watch, and a registered worker beside it. */
async function aWatch(over: (self: WorkerIdentity) => Partial<WorkerIdentity>, redis = openRedis()) {
  const records = await openRecords({ redis });
  const { workers, given } = records;
  const self = await identifyWorker('self', { seat: 'worker' });
  const other = { ...self, instance: 'other.1', name: 'other', seat: undefined, ...over(self) };
  await workers.register(self);
  await workers.register(other);
  const dead: string[] = [];
  const onDeath = vi.fn(async ({ instance }: { instance: string }) => void dead.push(instance));
  const errors: unknown[] = [];
  const watch = new DeathWatch({ workers, self, onDeath, onError: (error) => errors.push(error) });
  const silentFor = (ms: number) => given.silence(other.instance, ms);
  return { ...records, self, other, watch, onDeath, dead, errors, silentFor };
}

test('the next check notices a dead worker on this host, and reports it once', async () => {
  const { watch, dead, workers, other } = await aWatch(() => ({}));
  await watch.look();
  expect(dead).toEqual([]);
  await workers.register({ ...other, instance: 'late.1', birth: '1' });
  await watch.look();
  await watch.look();
  expect(dead).toEqual(['late.1']);
});

test('a death whose handling failed is reported again', async () => {
  const { watch, dead, onDeath, errors } = await aWatch(() => ({ birth: '1' }));
  onDeath.mockRejectedValueOnce(new Error('Redis is away'));
  await watch.look();
  expect(errors).toEqual([new Error('Redis is away')]);
  await watch.look();
  expect(dead).toEqual(['other.1']);
});

test.each<[string, (self: WorkerIdentity) => Partial<WorkerIdentity>]>([
  ['its seat was filled again', ({ seat }) => ({ seat, pid_namespace: 'pid:[1]' })],
  ['its machine was booted again', () => ({ boot_id: 'another boot' })],
])('a silent worker is noticed within two looks: %s', async (_, over) => {
  const { watch, dead, silentFor } = await aWatch(over);
  await silentFor(14_000);
  await watch.look();
  await watch.look();
  expect(dead).toEqual([]);
  await silentFor(16_000);
  await watch.look();
  await watch.look();
  expect(dead).toEqual(['other.1']);
});

test('a stranger is looked at again once it says who it is', async () => {
  const { watch, dead, given, workers, other } = await aWatch(() => ({ birth: '1' }));
  await given.identity(other.instance, null);
  await watch.look();
  expect(dead).toEqual([]);
  await workers.register(other);
  await watch.look();
  expect(dead).toEqual(['other.1']);
});

test('a look at living neighbours costs one command', async () => {
  const redis = openCountingRedis();
  const { watch } = await aWatch(() => ({}), redis);
  await watch.look();
  redis.sent.length = 0;
  await watch.look();
  expect(redis.sent).toEqual(['hkeys']);
});

test('a worker on another host or in another namespace is not looked at', async () => {
  const { watch, dead, workers, other } = await aWatch(() => ({ host: 'elsewhere', birth: '1' }));
  await workers.register({ ...other, instance: 'other.2', host: (await identifyWorker('x')).host, pid_namespace: 'p' });
  await watch.look();
  expect(dead).toEqual([]);
});

test('a dead worker with a slow cleanup does not delay the next dead worker', async () => {
  const { watch, dead, onDeath, workers, other } = await aWatch(() => ({ birth: '1' }));
  onDeath.mockImplementationOnce(() => new Promise(() => undefined));
  await watch.look();
  expect(dead).toEqual([]);
  await workers.register({ ...other, instance: 'next.1' });
  await watch.look();
  expect(dead).toEqual(['next.1']);
});
