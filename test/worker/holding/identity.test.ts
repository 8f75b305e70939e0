import { expect, test } from 'vitest';
import type { WorkerIdentity } from '../../../src/contract/worker-identity.ts';
import { hasFencedItself, identifyWorker, proofOfDeath } from '../../../src/worker/holding/identity.ts';

test('a reboot of the machine proves the death of its silent workers', async () => {
  const self = await identifyWorker('a');
  const before = { ...self, instance: 'a.before', boot_id: 'another boot' };
  expect(proofOfDeath({ identity: before, silentMs: 20_000 }, self)).toContain('was rebooted');
  expect(proofOfDeath({ identity: before, silentMs: 5_000 }, self)).toBeNull();
  expect(proofOfDeath({ identity: { ...self, instance: 'a.beside' }, silentMs: 20_000 }, self)).toBeNull();
});

test('a worker that is cut off has fenced itself once its lock has expired', async () => {
  const beyond = async (silentMs: number, lock_duration_ms?: number) =>
    hasFencedItself({ identity: await identifyWorker('a', { lock_duration_ms }), silentMs });
  expect(await beyond(181_000)).toBe(true);
  expect(await beyond(179_000, 60_000)).toBe(false);
  expect(await beyond(181_000, 60_000)).toBe(true);
  expect(await beyond(359_000, 300_000)).toBe(false);
  expect(await beyond(361_000, 300_000)).toBe(true);
  expect(hasFencedItself({ identity: null, silentMs: 1e9 })).toBe(false);
});

test('a refilled seat proves the death of its former worker, once that is silent', async () => {
  const self = await identifyWorker('a', { seat: 'worker' });
  const before = { ...self, instance: 'a.before', pid_namespace: 'pid:[1]', boot_id: 'another node' };
  const silent = (over: Partial<WorkerIdentity>, silentMs = 20_000) =>
    proofOfDeath({ identity: { ...before, ...over }, silentMs }, self);
  expect(silent({})).toContain('seat worker');
  expect(silent({ seat: 'other' })).not.toContain('seat');
  expect(silent({ host: 'elsewhere' })).toBeNull();
  expect(silent({ boot_id: self.boot_id }, 5_000)).toBeNull();
  expect(silent({ instance: self.instance, boot_id: self.boot_id })).toBeNull();
});

test.each(['birth', 'boot_id'])('a worker whose %s its system did not tell is not provably dead', async (field) => {
  const self = await identifyWorker('a');
  const other = { ...self, instance: 'a.other', [field]: 'unknown' };
  expect(proofOfDeath({ identity: other, silentMs: 20_000 }, self)).toBeNull();
});
