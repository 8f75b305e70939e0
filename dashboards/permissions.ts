import type { BeforeHook, HookContext } from '@bull-board/api/typings/app';
import { BATCH_QUEUE, providerOf } from '../src/queue/names.ts';

const API = '/api/queues/:queueName';
const RETRY = `${API}/:jobId/retry`;

const isLane = (queue: string): boolean => providerOf(queue) !== null;

/** Every write that an operator may make, and on which queues. Any other write is denied. */
const ALLOWED: ReadonlyMap<string, (queue: string) => boolean> = new Map([
  [`${API}/pause`, isLane],
  [`${API}/resume`, isLane],
  [`${API}/:jobId/promote`, isLane],
  [RETRY, (queue: string) => queue === BATCH_QUEUE],
]);

const REMOVAL = /clean|empty|obliterate|remove/;

function denialOf(route: string): string {
  if (route.includes('retry')) {
    return 'Only a failed batch can be retried, which settles it again. The outcome of a task is final: running its job again would return the same outcome. To do the work again, enqueue a new batch.';
  }
  if (REMOVAL.test(route)) {
    return 'Jobs are never removed here: removing one large batch can block Redis for more than a minute. They expire by themselves.';
  }
  return 'An operator may only pause or resume a lane, promote a deferred task, and retry a failed batch.';
}

/**
 * Denies every write that is not in the table above, with 403 and a sentence.
 *
 * Only batches can be retried. A failed batch job means that settling failed, and settling again is safe. A failed task
 * has its final outcome, and its settled batch does not read it again, so a retry there would have no effect.
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
