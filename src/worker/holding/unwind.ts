import { type CleanupRecord, type CleanupStep, cleanupOf } from '../../contract/cleanup.ts';
import type { Row } from '../../records/row.ts';
import { during, type Observer } from '../../telemetry/observer.ts';
import { type Releasers, stepOf } from './releasers.ts';

/**
 * A row of an attempt. `planned`: nothing was acquired yet. `acquiring`: its acquisition is running. `tried`: its
 * acquisition has succeeded or failed, so there may be something to release.
 */
export type Held = Row & { live: unknown; status: 'planned' | 'acquiring' | 'tried' };

/** The dependencies of {@link unwind}. */
export type UnwindDeps = { releasers: Releasers; observer: Observer };

/** Releases the resources of an attempt in reverse. Never throws, and skips nothing. */
export async function unwind(
  held: readonly Held[],
  { taskId, epoch }: { taskId: string; epoch: number },
  { releasers, observer }: UnwindDeps,
): Promise<CleanupRecord> {
  return during(observer, { name: 'unwind', taskId, epoch }, async () => {
    const steps: CleanupStep[] = [];
    for (const row of held.toReversed()) steps.push(await releaseHeld(row, releasers));
    return cleanupOf(steps);
  });
}

/** Releases one row for its attempt, depending on how far its acquisition came. */
export async function releaseHeld(held: Held, releasers: Releasers): Promise<CleanupStep> {
  switch (held.status) {
    case 'planned':
      return stepOf(held, 'owner', { evidence: 'verified', detail: 'it was never acquired' });
    case 'acquiring':
      // A release now could come before the acquisition. A sweep releases it later.
      return stepOf(held, 'owner', { evidence: 'unknown', detail: 'the attempt ended while it was being acquired' });
    case 'tried':
      return releasers.release(held, 'owner', held.live);
  }
}
