import type { BeforeHook, HookContext } from '@bull-board/api/typings/app';
import { BATCH_QUEUE, providerOf } from '../src/queue/names.ts';

const API = '/api/queues/:queueName';
const RETRY = `${API}/:jobId/retry`;

const isLane = (queue: string): boolean => providerOf(queue) !== null;

/** Every write an operator may make, with the queues it may be made on. What is not here is denied. */
const ALLOWED: ReadonlyMap<string, (queue: string) => boolean> = new Map([
  [`${API}/pause`, isLane],
  [`${API}/resume`, isLane],
  [`${API}/:jobId/promote`, isLane],
  [RETRY, (queue: string) => queue === BATCH_QUEUE],
]);

const REMOVAL = /clean|empty|obliterate|remove/;

function denialOf(route: string): string {
  if (route.includes('retry')) {
    return 'Only a failed batch can be retried, which settles it again. The outcome of a task is final: running its job again would return the outcome on record. Enqueue a new batch to do the work again.';
  }
  if (REMOVAL.test(route)) {
    return 'Jobs are never removed here: removing one large batch can block Redis for more than a minute. They expire by themselves.';
  }
  return 'An operator may pause and resume a lane, promote a deferred task, and retry a failed batch; nothing else.';
}

/**
 * Denies every write but those of the table above with 403 and a sentence.
 *
 * A retry is allowed for batches alone. A failed batch job means that settling failed, and settling again is safe. A
 * failed task has its terminal record, and its settled batch no longer looks at it, so a retry there could only mislead.
 */
export const permitOperator: BeforeHook = async ({ method, route, request }) => {
  if (method === 'get') return { allow: true };
  const isAllowed = ALLOWED.get(route)?.(String(request.params.queueName)) ?? false;
  if (isAllowed && (route !== RETRY || (await hasFailed(request)))) return { allow: true };
  return { allow: false, status: 403, message: denialOf(route) };
};

async function hasFailed({ queues, params }: HookContext['request']): Promise<boolean> {
  const job = await queues.get(String(params.queueName))?.getJob(String(params.jobId));
  return (await job?.getState()) === 'failed';
}
