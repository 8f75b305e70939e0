import { randomBytes } from 'node:crypto';
import { readlink } from 'node:fs/promises';
import { hostname } from 'node:os';
import { isoNow } from '../base/clock.ts';
import { birthOf, bootId, isSameProcess } from '../base/process-birth.ts';
import type { WorkerIdentity } from '../contract/worker-identity.ts';
import type { WorkerOnRecord } from '../records/worker-records.ts';

/** A worker in the same seat that has been silent for so long, three beats, is the one before: it is not merely slow. */
const SEAT_IS_LEFT_AFTER_MS = 15_000;

/** Says who this worker is, so that another one can tell when it is dead. */
export async function identifyWorker(name: string, seat?: string): Promise<WorkerIdentity> {
  return {
    version: 1,
    instance: `${name}.${randomBytes(6).toString('hex')}`,
    name,
    host: hostname(),
    ...(seat !== undefined && { seat }),
    boot_id: bootId(),
    pid_namespace: await readlink('/proc/self/ns/pid').catch(() => 'unknown'),
    pid: process.pid,
    birth: birthOf(process.pid) ?? 'unknown',
    started_at: isoNow(),
  };
}

/**
 * Proves that a worker is dead, in one sentence, or returns `null` where it cannot be proved from here. A stranger lives.
 *
 * Silence proves nothing: a worker that is merely paused comes back and acquires more (`reference/reliability.md`,
 * finding 9). Two can tell: the same kernel, by pid and birth inside the same pid namespace, and a platform that starts
 * nobody in a seat before the one who had it has ended.
 */
export function proofOfDeath(
  { identity: other, silentMs }: Pick<WorkerOnRecord, 'identity' | 'silentMs'>,
  self: WorkerIdentity,
): string | null {
  if (other === null || other.host !== self.host) return null;
  const isSameSeat = other.seat !== undefined && other.seat === self.seat && other.instance !== self.instance;
  if (isSameSeat && silentMs > SEAT_IS_LEFT_AFTER_MS) return `seat ${other.seat} of ${other.host} was filled again`;
  if ([other.boot_id, other.birth].includes('unknown')) return null;
  if (other.boot_id !== self.boot_id) return `its machine ${other.host} was booted again`;
  if (other.pid_namespace !== self.pid_namespace) return null;
  if (isSameProcess(other.pid, other.birth)) return null;
  return `its process ${other.pid} on ${other.host} has ended`;
}
