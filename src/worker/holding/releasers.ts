import { lstat, rm } from 'node:fs/promises';
import { isoNow, monotonicMs } from '../../base/clock.ts';
import type { Redactor } from '../../base/secret.ts';
import type { Catalogue } from '../../catalogue/catalogue.ts';
import type { BackgroundResponse } from '../../contract/checkpoint.ts';
import {
  type CleanupActor,
  type CleanupStep,
  type Evidence,
  RELEASE_WITHIN_MS,
  type ResourceKind,
} from '../../contract/cleanup.ts';
import type { CredentialResolver } from '../../credentials/resolver.ts';
import { messageOf } from '../../errors.ts';
import { isRunning, parseRef } from '../../processes/process-identity.ts';
import { releaseProcess } from '../../processes/release-process.ts';
import { killTagged } from '../../processes/sweep.ts';
import type { Models } from '../../providers/models.ts';
import type { RowEntry } from '../../records/task-history.ts';
import type { OpenRow } from '../../records/worker-records.ts';
import { type Deployment, responseMarkOf, responsePartsOf, whyNotBelieved } from './row-names.ts';

/** How a release went: how sure we are, and what was seen. */
export type Released = { evidence: Evidence; detail: string };

/** The live side of a resource, where the one who releases is the one who acquired. */
export type Live = { close(): Promise<{ inFlight: number }> } | undefined;

/** How long the processes of a tool may take to end before they are killed. */
const PROCESS_GRACE_MS = 2_000;

/** What a process that dies leaves behind on its machine: given back by others only where the death is proved. */
export const OUTLIVES_PROCESS: ReadonlySet<ResourceKind> = new Set<ResourceKind>(['workspace', 'process']);

/** How long a provider may take to say that it stopped; the record of the task waits for it. */
const CANCEL_WITHIN_MS = 5_000;

/** The states of a response that works no more. */
const ENDED = new Set(['cancelled', 'completed', 'incomplete', 'failed']);

type Release = (row: OpenRow, live: Live) => Promise<Released>;

/** What giving back takes. */
export type ReleaserDeps = {
  redactor: Redactor;
  catalogue: Catalogue;
  credentials: CredentialResolver;
  models: Models;
  deployment: Deployment;
};

/**
 * Gives resources back, each kind in its own way. A release is an idempotent function of the resource's reference, so that
 * the same code serves the living attempt, with the live side at hand, and the one that cleans up after a dead one.
 *
 * Invariants
 * - A row is acted on only if the names in it follow from its task, its epoch and the configuration of this worker.
 * - A process or a response is ended only if it carries the proof that it belongs to that row.
 */
export class Releasers {
  readonly #deps: ReleaserDeps;
  readonly #byKind: Record<ResourceKind, Release> = {
    workspace: removeDirectory,
    client: closeClient,
    process: endProcesses,
    credential_lease: async () => ({ evidence: 'verified', detail: 'the ledger row was the lease' }),
    response: (row) => this.#cancelResponse(row),
  };

  constructor(deps: ReleaserDeps) {
    this.#deps = deps;
  }

  /** Gives one resource back and tells how it went, as a step of the cleanup record. Never throws. */
  async release(row: OpenRow, actor: CleanupActor, live?: Live): Promise<CleanupStep> {
    const start = monotonicMs();
    const timeout = Promise.withResolvers<never>();
    const expire = () => timeout.reject(new Error(`no end after ${RELEASE_WITHIN_MS} ms`));
    const timer = setTimeout(expire, RELEASE_WITHIN_MS);
    const released = await Promise.race([this.#release(row, live), timeout.promise]).catch(
      (error: unknown): Released => ({ evidence: 'unknown', detail: this.#deps.redactor.scrub(messageOf(error)) }),
    );
    clearTimeout(timer);
    return stepOf(row, actor, released, Math.round(monotonicMs() - start));
  }

  async #release(row: OpenRow, live: Live): Promise<Released> {
    const doubt = whyNotBelieved(row, this.#deps.deployment);
    if (doubt !== null) return { evidence: 'unknown', detail: `the row was not acted on: ${doubt}` };
    return this.#byKind[row.row.kind](row, live);
  }

  async #cancelResponse({ taskId, row }: OpenRow): Promise<Released> {
    const { catalogue, credentials, models, deployment } = this.#deps;
    const { provider: name, id } = responsePartsOf(row.ref);
    const provider = catalogue.get(name);
    if (provider.wire !== 'responses') return { evidence: 'unknown', detail: `provider "${name}" has no responses` };
    const within = AbortSignal.timeout(CANCEL_WITHIN_MS);
    const credential = await credentials.resolve(name, provider.credential, within);
    const status = await models.cancel(provider, credential, { id, mark: responseMarkOf(deployment, taskId) }, within);
    if (status === 'foreign')
      return { evidence: 'unknown', detail: 'the response does not carry the mark of its task' };
    if (status === 'gone') return { evidence: 'verified', detail: 'the provider does not know it' };
    const evidence = ENDED.has(status) ? 'acknowledged' : 'unknown';
    return { evidence, detail: `the provider says that it is ${status}` };
  }
}

/** What a background response is called in the ledger. */
export function responseRef({ provider, id }: Pick<BackgroundResponse, 'provider' | 'id'>): string {
  return `${provider}/${id}`;
}

/** Never follows a link: `rm` removes a link itself, and a link in place of the directory is left alone. */
async function removeDirectory({ row: { ref: path } }: OpenRow): Promise<Released> {
  const found = await lstat(path).catch(() => null);
  if (found && !found.isDirectory())
    return { evidence: 'unknown', detail: 'the path is a link or a file, not a directory' };
  await rm(path, { recursive: true, force: true, maxRetries: 2 }).catch((error: NodeJS.ErrnoException) => {
    // Where a part of the way is a file, nothing can be below it.
    if (error.code !== 'ENOTDIR') throw error;
  });
  const isThere = await lstat(path).then(
    () => true,
    () => false,
  );
  if (isThere) return { evidence: 'unknown', detail: 'the directory is still there' };
  return { evidence: 'verified', detail: 'the directory is gone' };
}

async function closeClient(_row: OpenRow, live: Live): Promise<Released> {
  if (!live) return { evidence: 'implied', detail: 'its process has ended, and its sockets with it' };
  const { inFlight } = await live.close();
  if (inFlight > 0) return { evidence: 'unknown', detail: `${inFlight} requests are still in flight` };
  return { evidence: 'verified', detail: 'no request is in flight' };
}

async function endProcesses({ row: { ref } }: OpenRow): Promise<Released> {
  const { tag, ...head } = parseRef(ref);
  const { evidence, detail } = await releaseProcess(ref, PROCESS_GRACE_MS);
  if (evidence !== 'unknown' || isRunning(head)) return { evidence, detail };
  // A tree whose head has gone is found by its tag: one look at all processes, only where the head left us in doubt.
  const killed = (await killTagged(new Set([tag])))[tag] ?? { killed: 0, survivors: 0 };
  if (killed.survivors > 0) return { evidence: 'unknown', detail: `${killed.survivors} processes still run` };
  return { evidence: 'verified', detail: `no process carries its tag; ${killed.killed} were killed` };
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
