import { z } from 'zod';
import { contract } from './fits.ts';
import { Needs } from './needs.ts';
import { stored } from './stored.ts';

/**
 * The name of a kind of resource. A worker and its toolsets define the kinds. A record may have kinds of toolsets that
 * its reader does not have.
 */
export const KindName = z.string().regex(/^[a-z][a-z0-9_]{0,39}$/);
export type KindName = z.infer<typeof KindName>;

/** A release that takes longer is recorded as open, so that a hanging release does not delay the record. */
export const RELEASE_WITHIN_MS = 10_000;

/**
 * How certain it is that a resource no longer exists.
 *
 * `verified`: a check found it gone. `acknowledged`: the system that keeps it confirmed the release. `implied`: it
 * cannot outlive something that ended. `expires_at`: it ends by itself at a known time. `unknown`: it could not be
 * determined.
 */
export const Evidence = z.enum(['verified', 'acknowledged', 'implied', 'expires_at', 'unknown']);
export type Evidence = z.infer<typeof Evidence>;

/** Who released a resource. */
export const CleanupActor = z.enum(['owner', 'reclaim', 'boot_sweep', 'operator']);
export type CleanupActor = z.infer<typeof CleanupActor>;

/** The release of one resource, or the failed try: a step of the cleanup record. `detail` says what was observed. */
export const CleanupStep = stored({
  /** Reader version that the kind needs; absent for built-in kinds. */
  needs: Needs,
  /** Id of the ledger row; it begins with the epoch of the attempt. */
  row: z.string(),
  /** Kind of the resource. */
  kind: KindName,
  /** Name of the resource, such as a path or a host. */
  ref: z.string(),
  /** Whether the resource was released. */
  status: z.enum(['released', 'open']),
  /** How sure the worker is that the resource is gone. */
  evidence: Evidence,
  /** Who released the resource. */
  actor: CleanupActor,
  /** What was seen, in a sentence. */
  detail: z.string(),
  /** How long the release took. */
  duration_ms: z.number(),
  /** When it was released, or when the release was given up. */
  released_at: z.iso.datetime(),
});
export type CleanupStep = z.infer<typeof CleanupStep>;

/** All resources of an attempt, in the order of their release. `open` counts the rows that are not closed. */
export const CleanupRecord = stored({
  /** Version of this shape. */
  version: z.literal(1),
  /** One step for each resource, in the order of the releases. */
  steps: z.array(CleanupStep),
  /** Number of rows that are not closed. */
  open: z.number().int().nonnegative(),
});
export type CleanupRecord = z.infer<typeof CleanupRecord>;

const held = {
  needs: Needs,
  kind: KindName,
  ref: z.string(),
  epoch: z.number().int().positive(),
  /** Instance of the worker that holds it (`contract/worker-identity.ts`). */
  owner: z.string(),
  intent_at: z.iso.datetime(),
};

/**
 * An open row of the ledger: `intent` before the resource exists, `acquired` after. A closed row is a
 * {@link CleanupStep}.
 */
export const LedgerRow = contract(
  z.discriminatedUnion('status', [
    stored({ status: z.literal('intent'), ...held }),
    stored({ status: z.literal('acquired'), acquired_at: z.iso.datetime(), ...held }),
  ]),
);
export type LedgerRow = z.infer<typeof LedgerRow>;

/** Makes the cleanup record of these steps. */
export function cleanupOf(steps: CleanupStep[]): CleanupRecord {
  return { version: 1, steps, open: steps.filter((step) => step.status === 'open').length };
}

/** Returns the reader version that a record needs: the maximum of its steps. Older readers do not know their kinds. */
export function needsOfCleanup({ steps }: CleanupRecord): { needs?: number } {
  const needs = Math.max(1, ...steps.map((step) => step.needs ?? 1));
  return needs === 1 ? {} : { needs };
}

/** Replaces open steps by the later steps of the same row, and adds the other later steps. */
export function amendCleanup(record: CleanupRecord, later: CleanupStep[]): CleanupRecord {
  if (later.length === 0) return record;
  const byRow = new Map([...record.steps, ...later].map((step) => [step.row, step]));
  return { ...record, ...cleanupOf([...byRow.values()]) };
}
