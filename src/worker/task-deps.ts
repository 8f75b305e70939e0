import type { LimitSources } from '../agent/allowance.ts';
import type { Toolsets } from '../agent/toolsets.ts';
import type { Deployment } from '../base/deployment.ts';
import type { Redactor } from '../base/secret.ts';
import type { Catalogue } from '../catalogue/catalogue.ts';
import type { PriceBook } from '../catalogue/prices.ts';
import type { DefaultBudget } from '../contract/limits.ts';
import type { ToolPolicy } from '../contract/tool-policy.ts';
import type { WorkerIdentity } from '../contract/worker-identity.ts';
import type { CredentialResolver } from '../credentials/resolver.ts';
import type { Models } from '../providers/models.ts';
import type { SpendRecords } from '../records/spend-records.ts';
import type { TaskMetadata } from '../records/task-metadata.ts';
import type { TaskRecords } from '../records/task-records.ts';
import type { Log } from '../telemetry/log.ts';
import type { Observer } from '../telemetry/observer.ts';
import type { ActiveAttempts } from './active-attempts.ts';
import type { Admission } from './admission.ts';
import type { HeldBatches } from './held-batches.ts';
import type { Reclaim } from './holding/reclaim.ts';
import type { Releasers } from './holding/releasers.ts';
import type { VersionWait } from './version-wait.ts';
import type { WarmPrefixes } from './warm-prefixes.ts';

/** The dependencies of running a task. They are built once for each worker. */
export type TaskDeps = {
  records: TaskRecords;
  spends: SpendRecords;
  metadata: TaskMetadata;
  admission: Admission;
  active: ActiveAttempts;
  held: HeldBatches;
  catalogue: Catalogue;
  prices: PriceBook;
  credentials: CredentialResolver;
  models: Models;
  redactor: Redactor;
  /** Gets every step, for the log, the metrics and the observers of the deployment. */
  observer: Observer;
  /** The identity of this worker: the owner of the rows that its attempts write. */
  self: WorkerIdentity;
  reclaim: Reclaim;
  releasers: Releasers;
  toolsets: Toolsets;
  prefixes: WarmPrefixes;
  /** For the lines of tools. */
  log: Log;
  /** The values from which the names of resources are derived. */
  deployment: Deployment;
  versions: VersionWait;
  /** The system prompt of the deployment; `undefined` for the text of Errand. */
  instructions: string | undefined;
  /** Which tools the deployment lets models call. */
  toolPolicy: ToolPolicy;
  budget: DefaultBudget;
  watchdogs: LimitSources['deployment']['watchdogs'];
};
