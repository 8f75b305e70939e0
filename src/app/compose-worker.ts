import { monotonicMs } from '../base/clock.ts';
import type { Redactor } from '../base/secret.ts';
import { createCatalogue } from '../catalogue/catalogue.ts';
import { CredentialResolver } from '../credentials/resolver.ts';
import { ErrandError, isErrandError, messageOf } from '../errors.ts';
import { Models } from '../providers/models.ts';
import { Consumer } from '../queue/consumer.ts';
import { assertSuitable } from '../queue/inspection.ts';
import { UnattendedJobs } from '../queue/unattended-jobs.ts';
import { Announcements } from '../records/announcements.ts';
import { BatchRecords } from '../records/batch-records.ts';
import { SpendRecords } from '../records/spend-records.ts';
import { TaskMetadata } from '../records/task-metadata.ts';
import { TaskRecords } from '../records/task-records.ts';
import { UnattendedRecords } from '../records/unattended-records.ts';
import { WorkerRecords } from '../records/worker-records.ts';
import { closeRedis, openRetryingRedis } from '../redis/connection.ts';
import { isRedisFault } from '../redis/faults.ts';
import { RedisHealth } from '../redis/health.ts';
import type { Log } from '../telemetry/log.ts';
import { Telemetry } from '../telemetry/telemetry.ts';
import { ActiveAttempts } from '../worker/active-attempts.ts';
import { Admission } from '../worker/admission.ts';
import { Announcer } from '../worker/announcer.ts';
import { closeGivenUp } from '../worker/ending/close-unopened.ts';
import { HeldBatches } from '../worker/held-batches.ts';
import { identifyWorker } from '../worker/holding/identity.ts';
import { Releasers } from '../worker/holding/releasers.ts';
import { runTask } from '../worker/run-task.ts';
import { whyUnreadable } from '../worker/self-check.ts';
import { settleBatch } from '../worker/settle-batch.ts';
import type { TaskDeps } from '../worker/task-deps.ts';
import { UnattendedSweep } from '../worker/unattended-sweep.ts';
import { VersionWait } from '../worker/version-wait.ts';
import { openChannels } from './compose-channels.ts';
import { retentionSecondsOf } from './compose-producer.ts';
import { startReclaim } from './compose-reclaim.ts';
import type { Config } from './config.ts';
import { Disposables } from './disposables.ts';
import { type HealthServer, serveHealth } from './health-server.ts';
import { knownNames } from './known-names.ts';
import { warnOfPlainHttp } from './plain-http.ts';
import { redisOf } from './redis-settings.ts';
import { routeCheck } from './route-check.ts';
import { scrape } from './scrape.ts';
import { ownVersion } from './version.ts';
import { makeWorkspaceRoot } from './workspace-root.ts';

/** After the grace of a drain, handing back takes a few commands to Redis; one that does not answer for so long is away. */
export const HANDING_BACK_MS = 5_000;

/** A worker that runs. */
export type RunningWorker = {
  health: HealthServer;
  /** How many attempts run now. */
  running: () => number;
  /**
   * Stops taking tasks, hands back what does not finish within the grace, gives everything back. Safe to repeat.
   * @throws ErrandError `REDIS_UNAVAILABLE` where Redis stays away: connections are left, for the process to end with.
   */
  drain: () => Promise<void>;
};

/**
 * Builds a worker from the configuration and starts it; resolves once it takes tasks.
 *
 * Taking tasks comes last: whatever fails before leaves nothing that runs, and what was opened is closed again. `onTaking` is
 * called right before the first task can be taken. From then on, only {@link RunningWorker.drain} returns the tasks.
 */
export async function startWorker(
  config: Config,
  log: Log,
  redactor: Redactor,
  onTaking: () => void = () => undefined,
): Promise<RunningWorker> {
  const opened = new Disposables();
  try {
    return await start(config, { log, redactor, onTaking }, opened);
  } catch (error) {
    await opened.close().catch(() => undefined);
    throw error;
  }
}

type Around = { log: Log; redactor: Redactor; onTaking: () => void };

async function start(config: Config, { log, redactor, onTaking }: Around, opened: Disposables): Promise<RunningWorker> {
  await makeWorkspaceRoot(config.worker.workspace_root);
  const catalogue = createCatalogue(config.providers);
  const telemetry = new Telemetry(log, knownNames(config, catalogue));
  const onError = (error: unknown) => {
    if (!isRedisFault(error)) telemetry.fault('redis', error);
  };
  const target = redisOf(config);
  const redis = opened.add(openRetryingRedis({ target, onError, waitsForRights: true }), async (client) =>
    closeRedis(client),
  );
  const redisHealth = opened.add(
    new RedisHealth(redis, { prefix: config.prefix, role: 'worker' }, (state) => telemetry.redisChanged(state)),
    async (watching) => watching.close(),
  );
  const records = new TaskRecords(redis, config.prefix, redactor);
  const batches = new BatchRecords(redis, config.prefix, redactor, retentionSecondsOf(config));
  const workers = new WorkerRecords(redis, config.prefix);
  const credentials = new CredentialResolver(config.environment, redactor);
  const active = new ActiveAttempts(records);
  const providers = catalogue.names();
  const taken = config.worker.only ?? providers;
  const elsewhere = providers.filter((name) => !taken.includes(name));
  warnOfPlainHttp(taken.map(catalogue.get), log);
  const self = await identifyWorker(config.worker.name, config.worker);

  let consumer: Consumer | undefined;
  const health = opened.add(
    await serveHealth(
      {
        whyNotReady: () => {
          if (!consumer) return 'starting';
          if (!consumer.isTaking) return 'draining';
          return redisHealth.whyNot ?? whyUnreadable();
        },
        metrics: () => scrape(telemetry, redisHealth.whyNot === null ? { workers, lanes: consumer } : null),
      },
      config.worker.health_host,
      config.worker.health_port,
    ),
    (server) => server.close(),
  );
  await assertSuitable(redis, config.prefix);
  const models = new Models();
  const deployment = { prefix: config.prefix, workspaceRoot: config.worker.workspace_root };
  const releasers = new Releasers({ redactor, catalogue, credentials, models, deployment });
  const announcements = new Announcements(redis, config.prefix);
  const announcer = new Announcer({
    announcements,
    instance: self.instance,
    lanes: taken,
    onError,
  });
  await opened.add(announcer, (announcing) => announcing.stop()).start();
  const reclaim = await startReclaim(
    { redis, prefix: config.prefix, providers, workers, records, self, releasers, telemetry },
    opened,
  );
  const channels = await openChannels({ target, prefix: config.prefix, active, telemetry, onError }, opened);

  const jobs = new UnattendedJobs(redis, config.prefix, onError);
  const unattended = new UnattendedRecords(redis, config.prefix);
  const deps: TaskDeps = {
    records,
    spends: new SpendRecords(redis, config.prefix),
    metadata: new TaskMetadata(redis, config.prefix),
    admission: new Admission(batches, routeCheck(catalogue, credentials, redactor), elsewhere),
    active,
    held: new HeldBatches({ unattended, jobs }),
    catalogue,
    credentials,
    models,
    redactor,
    telemetry,
    self,
    reclaim,
    releasers,
    deployment,
    versions: new VersionWait(announcements, config.tasks.version_wait_ms),
    budget: config.budget,
    workspaceLimits: config.workspace,
    watchdogs: config.watchdogs,
  };
  const { unserved_ms: unservedMs } = config.tasks;
  const sweep = opened.add(
    new UnattendedSweep({ ...deps, batches, jobs, unattended, announcements, lanes: providers, unservedMs }),
    (sweeping) => sweeping.close(),
  );
  onTaking();
  const taking = new Consumer(
    {
      redis,
      prefix: config.prefix,
      workerName: config.worker.name,
      providers,
      taken,
      concurrency: config.worker.concurrency,
      lockDurationMs: config.worker.lock_duration_ms,
      onError: (error) => telemetry.fault('queue', error),
      onLockLost: (taskIds) => telemetry.lockLost(taskIds),
      onStaleMove: (error) => telemetry.staleMoveRefused(error),
    },
    {
      runTask: (delivery, signal) => runTask(delivery, signal, deps),
      giveUp: (delivery) => closeGivenUp(delivery, deps),
      settleBatch: (batchId) => settleBatch(batchId, { ...deps, batches, jobs }),
    },
  );
  consumer = opened.add(taking, (running) => running.drain(config.worker.drain_grace_ms));
  await reclaim.tellTakers(taking.takers);
  await consumer.ready();
  await opened.add(sweep, async (sweeping) => sweeping.stop()).start(channels);
  log.info(
    {
      version: ownVersion(),
      worker: self.name,
      instance: self.instance,
      lanes: taken,
      concurrency: config.worker.concurrency,
      health: health.url,
    },
    'worker started',
  );

  const closeAll = () => closePatiently(opened, config.worker.drain_grace_ms + HANDING_BACK_MS, redisHealth);
  let draining: Promise<void> | undefined;
  return {
    health,
    running: () => active.count,
    drain: () => {
      if (!draining) announcer.serveNothing();
      draining ??= drain(active, log, closeAll);
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
 * Closes everything. Redis may be away just then, and what waits for it would wait for ever: after `patienceMs` it is
 * given up.
 *
 * @throws ErrandError `REDIS_UNAVAILABLE` then: what ran here is not handed back, but taken up once its lock lapses.
 */
async function closePatiently(opened: Disposables, patienceMs: number, health: RedisHealth): Promise<void> {
  const given = Promise.withResolvers<never>();
  const startedMs = monotonicMs();
  const timer = setInterval(() => {
    const trouble = monotonicMs() - startedMs < patienceMs ? null : health.whyNot;
    if (trouble !== null) given.reject(new ErrandError('REDIS_UNAVAILABLE', `nothing was handed back: ${trouble}`));
  }, 500);
  await Promise.race([opened.close(), given.promise]).finally(() => clearInterval(timer));
}
