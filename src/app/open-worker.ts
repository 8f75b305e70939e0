import type { Toolsets } from '../agent/toolsets.ts';
import type { Redactor } from '../base/secret.ts';
import { type Catalogue, createCatalogue } from '../catalogue/catalogue.ts';
import type { WorkerIdentity } from '../contract/worker-identity.ts';
import type { SecretReader } from '../credentials/secrets.ts';
import { messageOf } from '../errors.ts';
import { TaskRecords } from '../records/task-records.ts';
import { ToolListRecords } from '../records/tool-lists.ts';
import { WorkerLedger } from '../records/worker-ledger.ts';
import { WorkerRecords } from '../records/worker-records.ts';
import { closeRedis, openRetryingRedis } from '../redis/connection.ts';
import { isRedisFault } from '../redis/faults.ts';
import { RedisHealth } from '../redis/health.ts';
import type { RetryingRedis } from '../redis/retrying.ts';
import type { RedisTarget } from '../redis/target.ts';
import type { Log } from '../telemetry/log.ts';
import { LogObserver } from '../telemetry/log-observer.ts';
import { createMetrics, type Metrics } from '../telemetry/metrics.ts';
import { MetricsObserver } from '../telemetry/metrics-observer.ts';
import { note, type Observer, observers as observeWith } from '../telemetry/observer.ts';
import type { McpServers } from '../tools/mcp/servers.ts';
import { identifyWorker } from '../worker/holding/identity.ts';
import { composeMcp } from './compose-mcp.ts';
import { composeToolsets, type OwnToolset } from './compose-toolsets.ts';
import type { Config } from './config.ts';
import type { Disposables } from './disposables.ts';
import { knownNames } from './known-names.ts';
import { optionalToolsets } from './optional-toolsets.ts';
import { warnOfPlainHttp } from './plain-http.ts';
import { redisOf } from './redis-settings.ts';
import { makeWorkspaceRoot } from './workspace-root.ts';

/** What a worker needs beside its configuration. */
export type WorkerSurroundings = {
  log: Log;
  redactor: Redactor;
  secrets: SecretReader;
  /** Receive every step of the worker, after its log and its metrics. */
  observers?: readonly Observer[];
  /** The own toolsets of the worker, not yet checked. */
  toolsets?: readonly OwnToolset[];
  /** Called just before the worker can take its first task. */
  onTaking?: () => void;
};

/** What every part of a worker needs: its connection, its records and its identity. */
export type WorkerBase = {
  config: Config;
  prefix: string;
  log: Log;
  redactor: Redactor;
  secrets: SecretReader;
  observer: Observer;
  metrics: Metrics;
  catalogue: Catalogue;
  toolsets: Toolsets;
  mcp: McpServers;
  target: RedisTarget;
  redis: RetryingRedis;
  redisHealth: RedisHealth;
  records: TaskRecords;
  workers: WorkerRecords;
  ledger: WorkerLedger;
  self: WorkerIdentity;
  /** All providers of the deployment. */
  providers: string[];
  /** The providers whose tasks this worker takes. */
  taken: string[];
  /** Receives errors of Redis, except connection faults: `redisHealth` reports outages. */
  onError: (error: unknown) => void;
};

/** Opens the connection of a worker and the parts that use it. It writes nothing to Redis. */
export async function openWorker(
  config: Config,
  { log, redactor, secrets, observers = [], toolsets: own = [] }: WorkerSurroundings,
  opened: Disposables,
): Promise<WorkerBase> {
  await makeWorkspaceRoot(config.worker.workspace_root);
  const { prefix } = config;
  const lists = new ToolListRecords(() => redis, prefix);
  const mcp = composeMcp(config, { log, redactor, secrets, lists });
  const toolsets = composeToolsets(config, own, [...(await optionalToolsets(config)), ...mcp.toolsets]);
  const catalogue = createCatalogue(config.providers);
  const metrics = createMetrics(knownNames(config, catalogue, toolsets));
  const observer = observeWith([new LogObserver(log), new MetricsObserver(metrics), ...observers], (error) =>
    log.error({ message: messageOf(error) }, 'an observer threw an error; its further errors are not logged'),
  );
  const onError = (error: unknown) => {
    if (!isRedisFault(error)) note(observer, { name: 'fault', where: 'redis', error });
  };
  const target = redisOf(config, secrets);
  const opening = openRetryingRedis({ target, onError, waitsForRights: true });
  const redis = opened.add(opening, async (client) => closeRedis(client));
  const redisHealth = opened.add(
    new RedisHealth(redis, { prefix, role: 'worker' }, (state) => note(observer, { name: 'redis', state })),
    async (watching) => watching.close(),
  );
  const providers = catalogue.names();
  const taken = config.worker.only ?? providers;
  warnOfPlainHttp(taken.map(catalogue.get), log);
  return {
    ...{ config, prefix, log, redactor, secrets, observer, metrics, catalogue, toolsets, mcp },
    ...{ target, redis, redisHealth, providers, taken, onError },
    records: new TaskRecords(redis, prefix, redactor),
    workers: new WorkerRecords(redis, prefix),
    ledger: new WorkerLedger(redis, prefix, redactor),
    self: await identifyWorker(config.worker.name, config.worker),
  };
}
