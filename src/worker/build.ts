import { createHash } from 'node:crypto';
import { allowanceFor } from '../agent/allowance.ts';
import { Child } from '../agent/child.ts';
import { type Prompt, promptOf } from '../agent/prompt.ts';
import { effortFor } from '../catalogue/effort.ts';
import type { Provider } from '../catalogue/provider.ts';
import type { Checkpoint } from '../contract/checkpoint.ts';
import type { EffectCall } from '../contract/effect-call.ts';
import { routeKey } from '../contract/route.ts';
import type { CutSpend } from '../contract/spend.ts';
import type { TaskJob } from '../contract/task.ts';
import type { Credential } from '../credentials/credential.ts';
import type { CallLimits } from '../providers/call-limits.ts';
import type { ModelHandle } from '../providers/models.ts';
import { during, note } from '../telemetry/observer.ts';
import { WORKSPACE } from '../tools/names.ts';
import type { AdmittedBatch } from './admission.ts';
import type { Attempt } from './attempt.ts';
import { AttemptTools } from './attempt-tools.ts';
import { BackgroundCalls } from './background-calls.ts';
import { priceOf } from './ending/call-bounds.ts';
import { type CallListeners, ModelCalls } from './model-calls.ts';
import type { TaskDeps } from './task-deps.ts';

/** The child that an attempt runs, and its parts. */
export type Built = {
  child: Child;
  /** The resolved route, in the provider's own values. */
  effective: ModelHandle['effective'];
  credential: Credential;
  calls: ModelCalls;
  background: BackgroundCalls;
  toolsets: AttemptTools;
};

/**
 * Builds the child of an attempt: resolves the credential, opens the toolsets and opens the model. The scope of the
 * attempt holds the acquired resources.
 * @throws ErrandError that resolving, holding or opening throws.
 */
export async function build(attempt: Attempt, batch: AdmittedBatch, deps: TaskDeps): Promise<Built> {
  const { taskId, epoch } = attempt;
  return during(deps.observer, { name: 'build', taskId, epoch }, () => buildChild(attempt, batch, deps));
}

async function buildChild(attempt: Attempt, batch: AdmittedBatch, deps: TaskDeps): Promise<Built> {
  const { job } = attempt;
  const provider = deps.catalogue.get(job.route.provider);
  const { level } = effortFor(provider, job.route.model, job.route.reasoning_effort);
  const allowance = allowanceFor({ task: job.task.budget, deployment: deps, provider, effort: level });
  const credential = await lease(provider, attempt, deps);
  const toolsets = await AttemptTools.open(attempt, deps);
  const terms = { provider, credential, limits: allowance.call };
  const { model, costOf, effective } = await openModel(terms, attempt, deps);
  const prices = { costOf, maxCostOf: priceOf(job.route, deps) };
  const calls = new ModelCalls(model, prices, listenersOf(attempt, deps));
  const background = new BackgroundCalls(calls, { attempt, deployment: deps.deployment, records: deps.records });
  attempt.limitSeconds(allowance.seconds);
  const child = new Child({
    prompt: promptFor(job, batch, toolsets, deps),
    model: provider.background ? background : calls,
    tools: toolsets.tools,
    allowance,
    shouldYield: () => deps.active.isDraining,
    ...recordingOf(attempt, { calls, background }, deps),
    observer: deps.observer,
    label: attempt.label,
  });
  return { child, effective, credential, calls, background, toolsets };
}

function promptFor({ task }: TaskJob, batch: AdmittedBatch, { tools }: AttemptTools, deps: TaskDeps): Prompt {
  const hasWorkspace = task.toolsets?.includes(WORKSPACE) ?? false;
  const { instructions } = deps;
  const { context, record } = batch;
  return promptOf({
    ...{ task, hasWorkspace, instructions },
    batch: { context, total: record.total },
    tools: tools.definitions,
  });
}

/** Resolves the credential of the route. */
async function lease(provider: Provider, attempt: Attempt, deps: TaskDeps): Promise<Credential> {
  const { taskId, epoch, signal } = attempt;
  const resolve = () => deps.credentials.resolve(provider.name, provider.credential, signal);
  return during(deps.observer, { name: 'lease', taskId, epoch, provider: provider.name }, resolve);
}

/** Acquires the lease of the credential and the client of the model. */
async function openModel(
  terms: { provider: Provider; credential: Credential; limits: CallLimits },
  { scope, job }: Attempt,
  deps: TaskDeps,
): Promise<ModelHandle> {
  const { client } = await scope.hold({
    lease: { kind: 'credential_lease' as const, ref: terms.credential.id, acquire: () => terms.credential.id },
    client: {
      kind: 'client' as const,
      ref: new URL(terms.provider.base_url).host,
      acquire: () => deps.models.open({ ...terms, route: job.route, cacheKey: cacheKeyOf(job) }),
      live: (made: ModelHandle) => made,
    },
  });
  return client;
}

/** The same for all tasks of a batch on one route, and in each attempt. */
function cacheKeyOf({ batch_id, route }: TaskJob): string {
  return createHash('sha256')
    .update(`${batch_id} ${routeKey(route)}`)
    .digest('base64url');
}

function listenersOf({ taskId, epoch, label }: Attempt, { observer, spends }: TaskDeps): CallListeners {
  return {
    onCut: (spend) => note(observer, { name: 'call_cut_off', ...label, spend }),
    onLong: (spend: CutSpend) => {
      const onError = (error: unknown) => note(observer, { name: 'fault', where: 'spend', error });
      spends.note(taskId, epoch, spend).catch(onError);
    },
  };
}

/** The recorded turns and effect calls that the child continues from, and the functions that record more. */
function recordingOf(attempt: Attempt, { calls, background }: Pick<Built, 'calls' | 'background'>, deps: TaskDeps) {
  const { taskId, epoch, history } = attempt;
  return {
    recorded: history.checkpoints,
    record: async (checkpoint: Checkpoint) => {
      const flag = await deps.records.checkpoint(taskId, epoch, checkpoint);
      calls.turnRecorded();
      background.turnRecorded();
      attempt.abortIfCancelled(flag);
    },
    effects: history.effects,
    journal: async (call: EffectCall) => attempt.abortIfCancelled(await deps.records.journal(taskId, epoch, call)),
  };
}
