import { PriceBook } from '../catalogue/prices.ts';
import { CredentialResolver } from '../credentials/resolver.ts';
import { Models } from '../providers/models.ts';
import { assertSuitable } from '../queue/inspection.ts';
import { UnattendedJobs } from '../queue/unattended-jobs.ts';
import { Announcements } from '../records/announcements.ts';
import { BatchRecords } from '../records/batch-records.ts';
import type { Channels } from '../records/channels.ts';
import { SpendRecords } from '../records/spend-records.ts';
import { TaskMetadata } from '../records/task-metadata.ts';
import { UnattendedRecords } from '../records/unattended-records.ts';
import { checkUsable } from '../routes/check.ts';
import { ActiveAttempts } from '../worker/active-attempts.ts';
import { Admission } from '../worker/admission.ts';
import { Announcer } from '../worker/announcer.ts';
import { HeldBatches } from '../worker/held-batches.ts';
import { Releasers } from '../worker/holding/releasers.ts';
import { WorkerHolds } from '../worker/holding/worker-holds.ts';
import type { SettleDeps } from '../worker/settle-batch.ts';
import type { TaskDeps } from '../worker/task-deps.ts';
import { UnattendedSweep } from '../worker/unattended-sweep.ts';
import { VersionWait } from '../worker/version-wait.ts';
import { WarmPrefixes } from '../worker/warm-prefixes.ts';
import { openChannels } from './compose-channels.ts';
import { retentionSecondsOf } from './compose-producer.ts';
import { startReclaim } from './compose-reclaim.ts';
import type { Disposables } from './disposables.ts';
import type { WorkerBase } from './open-worker.ts';
import { baseKinds } from './resource-kinds.ts';

/** The parts of a worker that are ready before it takes tasks. */
export type WorkerParts = {
  deps: TaskDeps & SettleDeps;
  announcer: Announcer;
  channels: Channels;
  /** Not started: it needs the consumer. */
  sweep: UnattendedSweep;
};

/**
 * Composes the parts that run tasks, and starts those that work in the background: announcing, reclaiming, listening.
 *
 * @throws ErrandError `REDIS_UNSUITABLE`; `REDIS_DENIED`.
 */
export async function composeParts(base: WorkerBase, opened: Disposables): Promise<WorkerParts> {
  const { config, redis, prefix, self, onError } = base;
  await assertSuitable(redis, prefix);
  const values = valuesOf(base);
  const announcements = new Announcements(redis, prefix);
  const announcer = new Announcer({
    ...{ announcements, instance: self.instance, lanes: base.taken, onError },
    toolsets: base.toolsets.names,
  });
  await opened.add(announcer, (announcing) => announcing.stop()).start();
  const reclaim = await startReclaim({ ...base, releasers: values.releasers }, opened);
  const holds = new WorkerHolds({ ...base, reclaim, releasers: values.releasers });
  opened.add(base.mcp, (servers) => servers.close()).share(() => holds.open());
  const channels = await openChannels({ ...base, active: values.active }, opened);
  const unattended = new UnattendedRecords(redis, prefix);
  const jobs = new UnattendedJobs(redis, prefix, onError);
  const held = new HeldBatches({ unattended, jobs });
  const versions = new VersionWait(announcements, config.tasks.version_wait_ms);
  const deps = { ...values, reclaim, held, versions, jobs };
  const sweeping = { ...deps, unattended, announcements, lanes: base.providers, unservedMs: config.tasks.unserved_ms };
  const sweep = opened.add(new UnattendedSweep(sweeping), (running) => running.close());
  return { deps, announcer, channels, sweep };
}

/** The parts of a task that are made from the base alone. */
function valuesOf(base: WorkerBase) {
  const { config, redis, prefix, redactor, catalogue, providers, taken, log } = base;
  const { records, observer, self, toolsets } = base;
  const credentials = new CredentialResolver(base.secrets, redactor);
  const prices = new PriceBook();
  const models = new Models({ prices });
  const deployment = { prefix, workspaceRoot: config.worker.workspace_root };
  const batches = new BatchRecords(redis, prefix, redactor, retentionSecondsOf(config));
  const elsewhere = providers.filter((name) => !taken.includes(name));
  return {
    ...{ records, batches, catalogue, prices, credentials, models },
    ...{ redactor, observer, self, deployment, toolsets, log },
    spends: new SpendRecords(redis, prefix),
    metadata: new TaskMetadata(redis, prefix),
    admission: new Admission({
      ...{ batches, observer, redactor, elsewhere },
      check: (route, admission) => checkUsable(route, admission, { providers: catalogue.providers, credentials }),
    }),
    active: new ActiveAttempts(records),
    prefixes: new WarmPrefixes(),
    releasers: new Releasers({
      redactor,
      observer,
      kinds: [...baseKinds({ deployment, catalogue, credentials, models }), ...toolsets.builtInKinds],
      ownKinds: toolsets.ownKinds,
    }),
    instructions: config.agent.instructions,
    toolPolicy: config.tool_policy,
    budget: config.budget,
    watchdogs: config.watchdogs,
  };
}
