import { setTimeout as delay } from 'node:timers/promises';
import { monotonicMs } from '../../src/base/clock.ts';
import { taskIdOf } from '../../src/base/ids.ts';
import { isErrandError } from '../../src/errors.ts';
import type { Action, PlannedAction } from './plan.ts';
import type { Stage } from './stage.ts';
import { batchOf } from './workload.ts';

/** A batch that was accepted, by its number in the storm. */
export type Accepted = { number: number; batchId: string; total: number };

/** What was done to the deployment beside what its parts count themselves. */
export type Attack = { accepted: Accepted[]; redisFaults: number; proxyFaults: number; cancels: number };

/** Batches young enough to hold tasks that have not ended: those a cancel aims at. */
const YOUNG = 3;
const ENQUEUE_AGAIN_MS = 250;

/** Carries out the plan at its times; resolves when every fault is over and every batch is accepted. */
export async function attack(stage: Stage, plan: readonly PlannedAction[], seed: number): Promise<Attack> {
  const done: Attack = { accepted: [], redisFaults: 0, proxyFaults: 0, cancels: 0 };
  const startedMs = monotonicMs();
  const underWay: Promise<void>[] = [];
  for (const { atMs, action } of plan) {
    await delay(Math.max(0, startedMs + atMs - monotonicMs()));
    underWay.push(perform(action, stage, done, seed));
  }
  await Promise.all(underWay);
  return done;
}

async function perform(action: Action, stage: Stage, done: Attack, seed: number): Promise<void> {
  const { redis, proxy, workers } = stage;
  switch (action.kind) {
    case 'enqueue':
      return enqueue(action.batch, stage, done, seed);
    case 'kill':
      return workers.kill(action.slot);
    case 'stop':
      return workers.stop(action.slot, action.forMs);
    case 'redis_kill':
      done.redisFaults++;
      return redis.kill(action.forMs);
    case 'redis_pause':
      done.redisFaults++;
      return redis.pause(action.forMs);
    case 'proxy_cut':
      done.proxyFaults++;
      return proxy.cut();
    case 'proxy_slow':
      done.proxyFaults++;
      proxy.slow(action.delayMs);
      await delay(action.forMs);
      return proxy.slow(0);
    case 'proxy_black_hole':
      done.proxyFaults++;
      proxy.blackHole(true);
      await delay(action.forMs);
      return proxy.blackHole(false);
    case 'cancel':
      return cancel(action, stage, done);
  }
}

/** Enqueues a batch until it is accepted, as a web app would that has an idempotency key; some once more than that. */
async function enqueue(number: number, { producer }: Stage, done: Attack, seed: number): Promise<void> {
  const { input, isSentTwice } = batchOf(seed, number);
  for (let sends = isSentTwice ? 2 : 1; sends > 0; ) {
    try {
      const { batch_id: batchId, total } = await producer.enqueue(input);
      if (!done.accepted.some((batch) => batch.batchId === batchId)) done.accepted.push({ number, batchId, total });
      sends--;
    } catch (error) {
      if (!isErrandError(error, 'REDIS_UNAVAILABLE')) throw error;
      await delay(ENQUEUE_AGAIN_MS);
    }
  }
}

async function cancel(
  { isWholeBatch, aim }: Extract<Action, { kind: 'cancel' }>,
  { producer }: Stage,
  done: Attack,
): Promise<void> {
  const young = done.accepted.slice(-YOUNG);
  const batch = young[Math.floor(aim * young.length)];
  if (!batch) return;
  const id = isWholeBatch ? batch.batchId : taskIdOf(batch.batchId, Math.floor(aim * batch.total));
  try {
    const { status } = await producer.cancel(id, 'the storm wanted it');
    if (status === 'cancelled') done.cancels++;
  } catch (error) {
    if (!isErrandError(error, 'REDIS_UNAVAILABLE')) throw error;
  }
}
