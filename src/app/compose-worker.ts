import type { Redactor } from '../base/secret.ts';
import type { AdmissionVerdict, RouteInUse } from '../contract/batch.ts';
import { CredentialResolver } from '../credentials/resolver.ts';
import { type Catalogue, createCatalogue } from '../providers/catalogue.ts';
import { effortFor } from '../providers/effort.ts';
import { Models } from '../providers/models.ts';
import { closeRedis, openListeningRedis, openPatientRedis } from '../queue/connection.ts';
import { Consumer } from '../queue/consumer.ts';
import { BatchRecords } from '../records/batch-records.ts';
import { Channels } from '../records/channels.ts';
import { TaskRecords } from '../records/task-records.ts';
import type { Log } from '../telemetry/log.ts';
import { Telemetry } from '../telemetry/telemetry.ts';
import { ActiveAttempts } from '../worker/active-attempts.ts';
import { Admission } from '../worker/admission.ts';
import { errorOf, failureOf } from '../worker/classify.ts';
import { runTask } from '../worker/run-task.ts';
import { settleBatch } from '../worker/settle-batch.ts';
import { redisUrlOf, retentionSecondsOf } from './compose-producer.ts';
import type { Config } from './config.ts';
import { type HealthServer, serveHealth } from './http.ts';

/** A worker that runs. */
export type RunningWorker = {
  health: HealthServer;
  /** How many attempts run now. */
  running: () => number;
  /** Stops taking tasks, hands back what does not finish within the grace, gives everything back. Safe to repeat. */
  drain: () => Promise<void>;
};

/** Builds a worker from the configuration and starts it; resolves once it takes tasks. */
export async function startWorker(config: Config, log: Log, redactor: Redactor): Promise<RunningWorker> {
  const telemetry = new Telemetry(log);
  const onError = (error: unknown) => telemetry.fault('redis', error);
  const url = redisUrlOf(config);
  const redis = openPatientRedis({ url, onError });
  const listening = openListeningRedis({ url, onError });
  const retention = retentionSecondsOf(config);
  const records = new TaskRecords(redis, config.prefix, redactor, retention);
  const batches = new BatchRecords(redis, config.prefix, redactor, retention);
  const catalogue = createCatalogue(config.providers);
  const credentials = new CredentialResolver(config.environment, redactor);
  const active = new ActiveAttempts(records);
  const deps = {
    records,
    admission: new Admission(batches, (route) => checkRoute(route, catalogue, credentials, redactor)),
    active,
    catalogue,
    credentials,
    models: new Models(),
    redactor,
    telemetry,
    workerName: config.worker.name,
    workspaceRoot: config.worker.workspace_root,
    budget: config.budget,
  };
  const consumer = new Consumer(
    {
      redis,
      prefix: config.prefix,
      workerName: config.worker.name,
      providers: catalogue.names(),
      concurrency: config.worker.concurrency,
      lockDurationMs: config.worker.lock_duration_ms,
      onError: (error) => telemetry.fault('queue', error),
      onLockLost: (taskIds) => telemetry.lockLost(taskIds),
    },
    {
      runTask: (delivery, signal) => runTask(delivery, signal, deps),
      settleBatch: (batch) => settleBatch(batch, { batches, records, redactor, telemetry }),
    },
  );
  await active.watch(new Channels(listening, config.prefix), onError);
  await consumer.ready();
  const health = await serveHealth(
    {
      whyNotReady: () => (consumer.isTaking ? (redis.status === 'ready' ? null : 'Redis is away') : 'draining'),
      metrics: async () => {
        if (redis.status === 'ready') telemetry.metrics.ledgerOpenRows.set(await records.countOpenRows());
        const { registry } = telemetry.metrics;
        return { contentType: registry.contentType, text: await registry.metrics() };
      },
    },
    config.worker.health_host,
    config.worker.health_port,
  );
  log.info({ worker: config.worker.name, lanes: catalogue.names(), health: health.url }, 'worker started');

  let draining: Promise<void> | undefined;
  const drain = async () => {
    log.info({ running: active.count }, 'draining');
    await consumer.drain(config.worker.drain_grace_ms);
    await active.close();
    await health.close();
    closeRedis(listening);
    closeRedis(redis);
    log.info('drained');
  };
  return {
    health,
    running: () => active.count,
    drain: () => {
      draining ??= drain();
      return draining;
    },
  };
}

/** What is wrong with a route, or `null`: the provider must be known, the effort be taken, the credential be there. */
async function checkRoute(
  route: RouteInUse,
  catalogue: Catalogue,
  credentials: CredentialResolver,
  redactor: Redactor,
): Promise<AdmissionVerdict['unusable'][number]['failure'] | null> {
  try {
    const profile = catalogue.get(route.provider);
    effortFor(profile, route.model, route.reasoning_effort);
    await credentials.resolve(profile.name, profile.credential);
    return null;
  } catch (error) {
    return failureOf(errorOf(error, new AbortController().signal), redactor);
  }
}
