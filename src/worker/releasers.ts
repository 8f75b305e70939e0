import { rm, stat } from 'node:fs/promises';
import type { Evidence, ResourceKind } from '../contract/cleanup.ts';

/** How a release went: how sure we are, and what was seen. */
export type Released = { evidence: Evidence; detail: string };

/** The live side of a resource, where the one who releases is the one who acquired. */
export type Live = { close(): Promise<{ inFlight: number }> } | undefined;

/** The kinds of resource that can be left behind by a process that dies. */
export const OUTLIVES_PROCESS: ReadonlySet<ResourceKind> = new Set<ResourceKind>(['workspace']);

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
  credential_lease: async () => ({ evidence: 'verified', detail: 'the ledger row was the lease' }),
};
