import { rm, stat } from 'node:fs/promises';
import { isoNow, monotonicMs } from '../base/clock.ts';
import type { Redactor } from '../base/secret.ts';
import type { CleanupActor, CleanupStep, Evidence, ResourceKind } from '../contract/cleanup.ts';
import { messageOf } from '../errors.ts';
import { parseRef } from '../processes/process-identity.ts';
import { releaseProcess } from '../processes/release-process.ts';
import { killTagged } from '../processes/sweep.ts';
import type { RowEntry } from '../records/task-history.ts';

/** How a release went: how sure we are, and what was seen. */
export type Released = { evidence: Evidence; detail: string };

/** The live side of a resource, where the one who releases is the one who acquired. */
export type Live = { close(): Promise<{ inFlight: number }> } | undefined;

/** How long the processes of a tool may take to end before they are killed. */
const PROCESS_GRACE_MS = 2_000;

/** The kinds of resource that can be left behind by a process that dies. */
export const OUTLIVES_PROCESS: ReadonlySet<ResourceKind> = new Set<ResourceKind>(['workspace', 'process']);

/**
 * How each kind of resource is given back. Idempotent functions of its reference, so that the same code serves the
 * living attempt, with the live side at hand, and whoever cleans up after a dead one, without it.
 */
export const RELEASERS: Record<ResourceKind, (ref: string, live: Live) => Promise<Released>> = {
  workspace: async (ref) => {
    await rm(ref, { recursive: true, force: true, maxRetries: 2 });
    const isThere = await stat(ref).then(
      () => true,
      () => false,
    );
    if (isThere) return { evidence: 'unknown', detail: 'the directory is still there' };
    return { evidence: 'verified', detail: 'the directory is gone' };
  },
  client: async (_ref, live) => {
    if (!live) return { evidence: 'implied', detail: 'its process has ended, and its sockets with it' };
    const { inFlight } = await live.close();
    if (inFlight > 0) return { evidence: 'unknown', detail: `${inFlight} requests are still in flight` };
    return { evidence: 'verified', detail: 'no request is in flight' };
  },
  process: async (ref) => {
    const { tag } = parseRef(ref);
    const { evidence, detail } = await releaseProcess(ref, PROCESS_GRACE_MS);
    if (evidence !== 'unknown') return { evidence, detail };
    // A tree whose head has gone is found by its tag: one look at all processes, only where the head left us in doubt.
    const killed = (await killTagged(new Set([tag])))[tag] ?? { killed: 0, survivors: 0 };
    if (killed.survivors > 0) return { evidence: 'unknown', detail: `${killed.survivors} processes still run` };
    return { evidence: 'verified', detail: `no process carries its tag; ${killed.killed} were killed` };
  },
  credential_lease: async () => ({ evidence: 'verified', detail: 'the ledger row was the lease' }),
};

/** A release that takes longer is left open, so that a hung one never holds up the record. */
const RELEASE_WITHIN_MS = 10_000;

/** Gives one resource back and tells how it went, as a step of the cleanup record. Never throws. */
export async function giveBack(
  { id, row }: RowEntry,
  actor: CleanupActor,
  live: Live,
  redactor: Redactor,
): Promise<CleanupStep> {
  const start = monotonicMs();
  const timeout = Promise.withResolvers<never>();
  const expire = () => timeout.reject(new Error(`no end after ${RELEASE_WITHIN_MS} ms`));
  const timer = setTimeout(expire, RELEASE_WITHIN_MS);
  const released = await Promise.race([RELEASERS[row.kind](row.ref, live), timeout.promise]).catch(
    (error: unknown) => ({
      evidence: 'unknown' as const,
      detail: redactor.scrub(messageOf(error)),
    }),
  );
  clearTimeout(timer);
  return stepOf({ id, row }, actor, released, Math.round(monotonicMs() - start));
}

/** A step of the cleanup record for a row, by how it was released. `unknown` leaves the row open. */
export function stepOf({ id, row }: RowEntry, actor: CleanupActor, released: Released, durationMs = 0): CleanupStep {
  return {
    row: id,
    kind: row.kind,
    ref: row.ref,
    status: released.evidence === 'unknown' ? 'open' : 'released',
    ...released,
    actor,
    duration_ms: durationMs,
    released_at: isoNow(),
  };
}
