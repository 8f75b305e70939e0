import { monotonicMs } from '../base/clock.ts';
import { ErrandError, isErrandError, messageOf } from '../errors.ts';
import { Consumer } from '../queue/consumer.ts';
import type { RedisHealth } from '../redis/health.ts';
import type { Log } from '../telemetry/log.ts';
import type { ActiveAttempts } from '../worker/active-attempts.ts';
import { concludeGivenUp } from '../worker/ending/unopened.ts';
import { runTask } from '../worker/run-task.ts';
import { settleBatch } from '../worker/settle-batch.ts';
import { composeParts, type WorkerParts } from './compose-parts.ts';
import type { Config } from './config.ts';
import { Disposables } from './disposables.ts';
import type { HealthServer } from './health-server.ts';
import { openWorker, type WorkerBase, type WorkerSurroundings } from './open-worker.ts';
import { ownVersion } from './version.ts';
import { serveWorkerHealth, WorkerHealth } from './worker-health.ts';

/**
 * After the grace period of a drain, returning tasks takes a few commands. If Redis does not answer within this time,
 * the drain fails.
 */
export const HANDING_BACK_MS = 5_000;

/** A running worker. */
export type RunningWorker = {
  health: HealthServer;
  /** Returns the number of running attempts. */
  running: () => number;
  /**
   * Stops taking tasks, returns tasks that do not finish within the grace period to the queue, and closes everything.
   * Safe to repeat.
   * @throws ErrandError `REDIS_UNAVAILABLE` if Redis stays unavailable. Connections stay open until the process exits.
   */
  drain: () => Promise<void>;
};

/**
 * Builds a worker from the configuration and starts it. Resolves when it takes tasks.
 *
 * Taking tasks is the last step: if an earlier step fails, nothing runs, and everything that was opened is closed. From
 * {@link WorkerSurroundings.onTaking} on, only {@link RunningWorker.drain} returns the tasks.
 */
export async function startWorker(config: Config, surroundings: WorkerSurroundings): Promise<RunningWorker> {
  const opened = new Disposables();
  try {
    return await start(config, surroundings, opened);
  } catch (error) {
    await opened.close().catch(() => undefined);
    throw error;
  }
}

async function start(config: Config, surroundings: WorkerSurroundings, opened: Disposables): Promise<RunningWorker> {
  const base = await openWorker(config, surroundings, opened);
  const status = new WorkerHealth(base);
  const health = await serveWorkerHealth(status, base, opened);
  const parts = await composeParts(base, opened);
  surroundings.onTaking?.();
  await consume(base, parts, { opened, status });
  logStart(base, health);
  return running(base, parts, { opened, health });
}

/** Starts taking tasks from the lanes, and sweeping for tasks that no worker takes. */
async function consume(
  { config, redis, prefix, providers, taken, observer }: WorkerBase,
  { deps, sweep, channels }: WorkerParts,
  { opened, status }: { opened: Disposables; status: WorkerHealth },
): Promise<void> {
  const { name: workerName, concurrency, lock_duration_ms: lockDurationMs, drain_grace_ms: graceMs } = config.worker;
  const consumer = new Consumer(
    { redis, prefix, workerName, providers, taken, concurrency, lockDurationMs, observer },
    {
      runTask: (delivery, signal) => runTask(delivery, signal, deps),
      giveUp: (delivery) => concludeGivenUp(delivery, deps),
      isCancelled: (taskId) => deps.records.isCancelled(taskId),
      settleBatch: (batchId) => settleBatch(batchId, deps),
    },
  );
  opened.add(consumer, (taking) => taking.drain(graceMs));
  status.takes(consumer);
  await deps.reclaim.tellTakers(consumer.takers);
  await consumer.ready();
  await opened.add(sweep, async (sweeping) => sweeping.stop()).start(channels);
}

function logStart({ config, log, self, taken }: WorkerBase, health: HealthServer): void {
  const { concurrency } = config.worker;
  const identity = { version: ownVersion(), worker: self.name, instance: self.instance };
  log.info({ ...identity, lanes: taken, concurrency, health: health.url }, 'worker started');
}

function running(
  { config, log, redisHealth }: WorkerBase,
  { deps, announcer }: WorkerParts,
  { opened, health }: { opened: Disposables; health: HealthServer },
): RunningWorker {
  const patienceMs = config.worker.drain_grace_ms + HANDING_BACK_MS;
  let draining: Promise<void> | undefined;
  return {
    health,
    running: () => deps.active.count,
    drain: () => {
      if (!draining) announcer.serveNothing();
      draining ??= drain(deps.active, log, () => closePatiently(opened, patienceMs, redisHealth));
      return draining;
    },
  };
}

async function drain(active: ActiveAttempts, log: Log, closeAll: () => Promise<void>): Promise<void> {
  log.info({ running: active.count }, 'draining');
  active.drain();
  try {
    await closeAll();
    log.info('drained');
  } catch (error) {
    log.error({ ...(isErrandError(error) && { code: error.code }) }, messageOf(error));
    throw error;
  }
}

/**
 * Closes everything. If Redis is unavailable, closing would wait without limit, so it fails after `patienceMs`.
 *
 * @throws ErrandError `REDIS_UNAVAILABLE`: running tasks are not returned to the queue. Another worker takes them when
 * their locks expire.
 */
async function closePatiently(opened: Disposables, patienceMs: number, health: RedisHealth): Promise<void> {
  const given = Promise.withResolvers<never>();
  const startedMs = monotonicMs();
  const timer = setInterval(() => {
    const trouble = monotonicMs() - startedMs < patienceMs ? null : health.whyNot;
    if (trouble === null) return;
    const message = `running tasks were not returned to the queue: Redis is unavailable (${trouble})`;
    given.reject(new ErrandError('REDIS_UNAVAILABLE', message));
  }, 500);
  await Promise.race([opened.close(), given.promise]).finally(() => clearInterval(timer));
}
