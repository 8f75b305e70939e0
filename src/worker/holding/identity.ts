import { randomBytes } from 'node:crypto';
import { readlink } from 'node:fs/promises';
import { hostname } from 'node:os';
import { isoNow } from '../../base/clock.ts';
import { birthOf, bootId, isSameProcess } from '../../base/process-birth.ts';
import type { WorkerIdentity } from '../../contract/worker-identity.ts';
import type { WorkerOnRecord } from '../../records/worker-records.ts';

/** The maximum pid of Linux. */
const MAX_PID = 2 ** 22;
/** A worker in the place of this one that has been silent for so long, three beats, is the one before: it is not merely slow. */
const PLACE_IS_LEFT_AFTER_MS = 15_000;
/** After so long without a sign of life a worker has fenced itself, unless its lock lasts longer. */
const FENCED_AFTER_MS = 180_000;
/** A lock may have been renewed after the last sign of life, and is given up by a timer. */
const FENCE_MARGIN_MS = 60_000;

/** Who a worker is, as far as that can be read, and how long it has been silent. */
type Sighting = Pick<WorkerOnRecord, 'identity' | 'silentMs'>;

/** What a worker tells of its configuration. */
type Told = { seat?: string | undefined; lock_duration_ms?: number | undefined };

/** Says who this worker is, so that another one can tell when it is dead. */
export async function identifyWorker(name: string, { seat, lock_duration_ms }: Told = {}): Promise<WorkerIdentity> {
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
    ...(lock_duration_ms !== undefined && { lock_duration_ms }),
    started_at: isoNow(),
  };
}

/**
 * Proves that a worker is dead, in one sentence, or returns `null` where it cannot be proved from here. A stranger lives.
 *
 * Silence proves nothing: a worker that is merely paused comes back and acquires more. Three can tell: the same kernel, by
 * pid and birth inside the same pid namespace; the same machine after a later boot; and a platform that starts no worker in
 * a seat before the previous one has ended.
 */
export function proofOfDeath({ identity: other, silentMs }: Sighting, self: WorkerIdentity): string | null {
  if (other === null || other.host !== self.host || other.instance === self.instance) return null;
  const isSameSeat = other.seat !== undefined && other.seat === self.seat;
  if (isSameSeat && silentMs > PLACE_IS_LEFT_AFTER_MS)
    return `a new worker has its seat ${other.seat} on ${other.host}`;
  if (other.boot_id === 'unknown' || !/^\d{1,20}$/.test(other.birth) || other.pid > MAX_PID) return null;
  if (other.boot_id !== self.boot_id) {
    // Two machines may go by one name. The one that lives gives signs of life.
    return silentMs > PLACE_IS_LEFT_AFTER_MS ? `its machine ${other.host} was rebooted` : null;
  }
  if (other.pid_namespace !== self.pid_namespace) return null;
  if (isSameProcess(other.pid, other.birth)) return null;
  return `its process ${other.pid} on ${other.host} has ended`;
}

/**
 * Tells whether a worker, if it lives, has given up its tasks: it has been cut off for longer than its lock lasts by its own
 * clock, so its calls are closed. What cannot outlive its process is then as good as gone. Of a stranger nobody knows.
 */
export function hasFencedItself({ identity, silentMs }: Sighting): boolean {
  if (identity === null) return false;
  return silentMs > Math.max(FENCED_AFTER_MS, (identity.lock_duration_ms ?? 0) + FENCE_MARGIN_MS);
}
