import { randomBytes } from 'node:crypto';
import { readlink } from 'node:fs/promises';
import { hostname } from 'node:os';
import { isoNow } from '../../base/clock.ts';
import { birthOf, bootId, isSameProcess } from '../../base/process-birth.ts';
import type { WorkerIdentity } from '../../contract/worker-identity.ts';
import type { WorkerOnRecord } from '../../records/worker-records.ts';

/** The maximum pid of Linux. */
const MAX_PID = 2 ** 22;
/**
 * Three missed heartbeats. After them, a worker in this seat, or of another boot of this machine, is the previous one.
 */
const PLACE_IS_LEFT_AFTER_MS = 15_000;
/** After this time without a heartbeat a worker has fenced itself, unless its lock lasts longer. */
const FENCED_AFTER_MS = 180_000;
/** A lock may have been renewed after the last heartbeat, and a timer fences the worker when it expires. */
const FENCE_MARGIN_MS = 60_000;

/** The identity of a worker, `null` if it cannot be read, and the time since its last heartbeat. */
type Sighting = Pick<WorkerOnRecord, 'identity' | 'silentMs'>;

/** The part of the configuration of a worker that belongs to its identity. */
type Configured = { seat?: string | undefined; lock_duration_ms?: number | undefined };

/** Returns the identity of this worker, from which another worker can prove its death. */
export async function identifyWorker(
  name: string,
  { seat, lock_duration_ms }: Configured = {},
): Promise<WorkerIdentity> {
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
 * Returns the proof that a worker is dead, as one sentence, or `null` if its death cannot be proved from this worker. A
 * worker without a readable identity counts as alive.
 *
 * Silence proves nothing, because a paused worker may resume and acquire more. There are three kinds of proof: the
 * process is gone, by pid and start time in the same pid namespace of the same kernel; the machine was rebooted; the
 * worker has this worker's seat, and the platform starts a worker in a seat only after the previous worker has ended.
 */
export function proofOfDeath({ identity: other, silentMs }: Sighting, self: WorkerIdentity): string | null {
  if (other === null || other.host !== self.host || other.instance === self.instance) return null;
  const isSameSeat = other.seat !== undefined && other.seat === self.seat;
  if (isSameSeat && silentMs > PLACE_IS_LEFT_AFTER_MS)
    return `a new worker has its seat ${other.seat} on ${other.host}`;
  if (other.boot_id === 'unknown' || !/^\d{1,20}$/.test(other.birth) || other.pid > MAX_PID) return null;
  if (other.boot_id !== self.boot_id) {
    // Two machines may have the same host name. If the other machine is alive, its worker sends heartbeats.
    return silentMs > PLACE_IS_LEFT_AFTER_MS ? `its machine ${other.host} was rebooted` : null;
  }
  if (other.pid_namespace !== self.pid_namespace) return null;
  if (isSameProcess(other.pid, other.birth)) return null;
  return `its process ${other.pid} on ${other.host} has ended`;
}

/**
 * Tells whether a worker has fenced itself even if it is alive: it was cut off for longer than its lock lasts by its
 * own clock, so it has closed its calls. Resources that cannot outlive its process can then be released. Returns
 * `false` for a worker without a readable identity.
 */
export function hasFencedItself({ identity, silentMs }: Sighting): boolean {
  if (identity === null) return false;
  return silentMs > Math.max(FENCED_AFTER_MS, (identity.lock_duration_ms ?? 0) + FENCE_MARGIN_MS);
}
