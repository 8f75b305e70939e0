import { expect } from 'vitest';
import type { RunningWorker } from '../../src/app/compose-worker.ts';
import { aDeployment, type Deployment } from './deployment.ts';
import { workersHolding } from './redis.ts';

/** How many tasks the batch of {@link aWorkerInTrouble} has. */
export const TASKS = 6;

/** A worker whose tasks are in the middle of their first turn, on a Redis of its own. */
export type WorkerInTrouble = Deployment & { worker: RunningWorker; batchId: string };

/** `workerUrl`: where the worker finds the same Redis. @default the address of the others */
type TroubleOptions = { latencyMs?: number; worker?: Record<string, unknown>; prefix?: string; workerUrl?: string };

/**
 * Starts a worker on the Redis at `url`, and a batch of two-turn tasks; resolves once every task waits for its first
 * model call, which takes `latencyMs`.
 */
export async function aWorkerInTrouble(
  url: string,
  { latencyMs = 800, worker: over = {}, prefix, workerUrl = url }: TroubleOptions = {},
): Promise<WorkerInTrouble> {
  const deployment = await aDeployment({ settings: { redis_url: url }, ...(prefix !== undefined && { prefix }) });
  const { promise, resolve } = Promise.withResolvers<void>();
  let seen = 0;
  deployment.simulator.onRequest((_request, phase) => {
    if (phase === 'received' && ++seen === TASKS) resolve();
  });
  const worker = await deployment.startWorker({ name: 'steady', log_level: 'info', ...over }, { redis_url: workerUrl });
  const tasks = Array.from({ length: TASKS }, (_, at) => ({
    goal: `Task ${at} [[sim: turn=1 latency_ms=${latencyMs} times=1]] [[sim: tool=list_files args={}]] [[sim: text="done"]]`,
    provider: 'local',
    toolsets: ['workspace' as const],
  }));
  const { batch_id: batchId } = await deployment.producer.enqueue({ tasks });
  await promise;
  return { ...deployment, worker, batchId };
}

/** What `/readyz` answers. */
export async function readiness({ health }: RunningWorker): Promise<string> {
  const response = await fetch(`${health.url}/readyz`);
  return `${response.status} ${(await response.text()).trim()}`;
}

/** Resolves once `/readyz` says this, while `/healthz` still says that the worker is alive. */
export async function untilReadinessIs(worker: RunningWorker, expected: RegExp, timeout = 30_000): Promise<void> {
  await expect.poll(() => readiness(worker), { timeout, interval: 50 }).toMatch(expected);
  expect((await fetch(`${worker.health.url}/healthz`)).status).toBe(200);
}

/** The log lines of how Redis is, as `status reason`, and of every fault that is logged beside them. */
export function redisLines({ logs }: Deployment): string[] {
  return logs
    .join('')
    .split('\n')
    .filter((line) => line.includes('"redis":"') || line.includes('infrastructure fault'))
    .map((line) => {
      const { redis, reason = '', where, message } = JSON.parse(line) as Record<string, string | undefined>;
      return where === undefined ? `${redis} ${reason}`.trim() : `fault ${where} ${message}`;
    });
}

/**
 * Waits for the batch and expects that nothing was lost, nothing happened twice and nothing is held: every task
 * succeeded in one attempt of two model calls, and a second batch goes through.
 */
export async function expectAllWell(trouble: WorkerInTrouble, url: string): Promise<void> {
  const { producer, simulator, batchId, prefix, outcomesOf } = trouble;
  await untilReadinessIs(trouble.worker, /^200 ready$/);
  expect((await producer.settled(batchId)).counts.succeeded).toBe(TASKS);
  expect((await outcomesOf(batchId)).map(({ attempts }) => attempts.length)).toEqual(Array(TASKS).fill(1));
  expect(simulator.requests()).toHaveLength(2 * TASKS);
  const { batch_id: next } = await producer.enqueue({ tasks: [{ goal: 'Afterwards', provider: 'local' }] });
  expect((await producer.settled(next)).counts.succeeded).toBe(1);
  expect(await workersHolding(prefix, url)).toEqual([]);
}
