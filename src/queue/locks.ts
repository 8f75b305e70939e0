import { monotonicMs } from '../base/clock.ts';

/** Why the queue ended a run. The `reason` of the signal is one of these. */
export type AbortReason = 'lock_lost' | 'drained';

/** The lock of a job that runs here. The signal aborts when the lock is lost, or may be lost. */
export type Lock = { jobId: string; token: string; signal: AbortSignal };

/** `sparedMs`: how long Redis may take to confirm a lock after this process stood still; 0 if Redis is not asked. */
type Held = { lock: Lock; controller: AbortController; confirmedMs: number; sparedMs: number };

/** How the locks of one queue are renewed. `extend` resolves with the ids of the jobs whose lock is gone. */
export type LockKeeping = {
  durationMs: number;
  extend: (jobIds: string[], tokens: string[]) => Promise<string[]>;
  onLost: (jobIds: string[]) => void;
  onError: (error: unknown) => void;
};

/**
 * Renews the locks of the jobs that one worker of a queue runs, and aborts a run when its lock may have lapsed.
 *
 * Invariants
 * - A lock lives at least until `durationMs` after its last renewal was *asked for*, by the monotonic clock, because
 *   Redis counts from a later time. A run is aborted before that time, even if Redis is unavailable and reports
 *   nothing.
 * - A process that stood still (starved, stopped, its machine paused) asks Redis first, and aborts soon after unless
 *   Redis confirms the lock. Usually no other worker has taken the job, and an abort makes its call paid twice. The
 *   question is sent before any other command of the run, so a run that has lost its lock learns that first.
 * - A lock belongs to one run, not to a job: see docs/internals/bullmq.md#we-renew-the-locks.
 */
export class Locks {
  readonly #keeping: LockKeeping;
  readonly #held = new Map<string, Held>();
  readonly #timer: NodeJS.Timeout;
  readonly #safeMs: number;
  #askedMs = monotonicMs();
  #tickedMs = monotonicMs();
  #isAsking = false;

  constructor(keeping: LockKeeping) {
    this.#keeping = keeping;
    this.#safeMs = keeping.durationMs * 0.9;
    // Runs often, so that after a pause it is due before BullMQ looks for stalled jobs: they would include the jobs of
    // this worker.
    this.#timer = setInterval(() => this.#tick(), keeping.durationMs / 60);
  }

  /**
   * Starts to renew the lock of a run. The lock is at most `ageMs` old. A lock that is too old counts as lost at once.
   */
  hold(jobId: string, token: string, ageMs: number): Lock {
    const old = this.#held.get(jobId);
    if (old) this.#lose([old]);
    const controller = new AbortController();
    const lock = { jobId, token, signal: controller.signal };
    const held = { lock, controller, confirmedMs: monotonicMs() - ageMs, sparedMs: 0 };
    this.#held.set(jobId, held);
    if (ageMs > this.#safeMs) this.#lose([held]);
    return lock;
  }

  /** Stops renewing the lock of a run that has ended. The move that follows removes the lock. */
  release(lock: Lock): void {
    if (this.#held.get(lock.jobId)?.lock === lock) this.#held.delete(lock.jobId);
  }

  /** Aborts every run, and still renews its lock while it hands back its task. */
  abortAll(reason: AbortReason): void {
    for (const { controller } of this.#held.values()) controller.abort(reason);
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #tick(): void {
    const now = monotonicMs();
    const { durationMs } = this.#keeping;
    const isLate = now - this.#tickedMs > durationMs / 10;
    this.#tickedMs = now;
    const overdue = [...this.#held.values()].filter(({ confirmedMs }) => now - confirmedMs > this.#safeMs);
    if (isLate) for (const held of overdue) held.sparedMs ||= now + durationMs / 4;
    this.#lose(overdue.filter(({ sparedMs }) => sparedMs <= now));
    const isDue = isLate || (!this.#isAsking && now - this.#askedMs >= durationMs / 4);
    if (!isDue || this.#held.size === 0) return;
    this.#isAsking = true;
    this.#askedMs = now;
    this.#renew([...this.#held.values()], now)
      .catch(this.#keeping.onError)
      .finally(() => {
        this.#isAsking = false;
      });
  }

  async #renew(asked: Held[], askedMs: number): Promise<void> {
    const gone = new Set(
      await this.#keeping.extend(
        asked.map(({ lock }) => lock.jobId),
        asked.map(({ lock }) => lock.token),
      ),
    );
    const still = asked.filter((held) => this.#held.get(held.lock.jobId) === held);
    for (const held of still.filter(({ lock }) => !gone.has(lock.jobId))) {
      held.confirmedMs = Math.max(held.confirmedMs, askedMs);
      held.sparedMs = 0;
    }
    this.#lose(still.filter(({ lock }) => gone.has(lock.jobId)));
  }

  #lose(lost: Held[]): void {
    if (lost.length === 0) return;
    for (const { lock, controller } of lost) {
      this.release(lock);
      controller.abort('lock_lost' satisfies AbortReason);
    }
    this.#keeping.onLost(lost.map(({ lock }) => lock.jobId));
  }
}
