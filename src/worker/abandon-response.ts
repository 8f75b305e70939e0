import { isoNow, monotonicMs } from '../base/clock.ts';
import type { BackgroundResponse } from '../contract/checkpoint.ts';
import type { CleanupStep } from '../contract/cleanup.ts';
import { messageOf } from '../errors.ts';
import type { Released } from './releasers.ts';
import type { TaskDeps } from './task-deps.ts';

/** How long a provider may take to say that it stopped; the record of the task waits for it. */
const CANCEL_WITHIN_MS = 5_000;

/** What cancelling a response takes. */
export type AbandonDeps = Pick<TaskDeps, 'catalogue' | 'credentials' | 'models' | 'redactor'>;

/**
 * Cancels the background response of a task that has ended without it, and tells how that went as steps of its cleanup
 * record. Never throws: where the provider does not answer, the step stays open.
 *
 * A response is no row of the ledger: it belongs to the task and not to one attempt, and reclaiming the rows of a dead
 * worker would cancel what the next attempt goes on with.
 */
export async function abandonResponse(response: BackgroundResponse | null, deps: AbandonDeps): Promise<CleanupStep[]> {
  if (response === null) return [];
  const start = monotonicMs();
  const released = await cancel(response, deps).catch(
    (error: unknown): Released => ({ evidence: 'unknown', detail: deps.redactor.scrub(messageOf(error)) }),
  );
  const step: CleanupStep = {
    row: `${response.epoch}.response.${response.id}`,
    kind: 'response',
    ref: response.id,
    status: released.evidence === 'unknown' ? 'open' : 'released',
    ...released,
    actor: 'owner',
    duration_ms: Math.round(monotonicMs() - start),
    released_at: isoNow(),
  };
  return [step];
}

async function cancel(
  { id, provider }: BackgroundResponse,
  { catalogue, credentials, models }: AbandonDeps,
): Promise<Released> {
  const profile = catalogue.get(provider);
  const credential = await credentials.resolve(profile.name, profile.credential);
  const status = await models.cancel(profile, credential, id, AbortSignal.timeout(CANCEL_WITHIN_MS));
  if (status === 'gone') return { evidence: 'verified', detail: 'the provider does not know it' };
  if (status === 'queued' || status === 'in_progress') {
    return { evidence: 'unknown', detail: `the provider says that it is ${status}` };
  }
  return { evidence: 'acknowledged', detail: `the provider says that it is ${status}` };
}
