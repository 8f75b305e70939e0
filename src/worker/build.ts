import { allowanceFor } from '../agent/allowance.ts';
import { Child } from '../agent/child.ts';
import { effortFor } from '../catalogue/effort.ts';
import type { Provider } from '../catalogue/provider.ts';
import type { Checkpoint } from '../contract/checkpoint.ts';
import type { EffectCall } from '../contract/effect-call.ts';
import type { CutSpend } from '../contract/spend.ts';
import type { Credential } from '../credentials/credential.ts';
import type { CallLimits } from '../providers/call-limits.ts';
import type { ModelHandle } from '../providers/models.ts';
import { during, note } from '../telemetry/observer.ts';
import type { AdmittedBatch } from './admission.ts';
import type { Attempt } from './attempt.ts';
import { AttemptTools } from './attempt-tools.ts';
import { BackgroundCalls } from './background-calls.ts';
import { priceOf } from './ending/call-bounds.ts';
import { type CallListeners, ModelCalls } from './model-calls.ts';
import { cacheKeyOf, prefixKeyOf, promptFor } from './shared-prompt.ts';
import type { TaskDeps } from './task-deps.ts';
import type { PrefixPlace } from './warm-prefixes.ts';

/** The child that an attempt runs, and its parts. */
export type Built = {
  child: Child;
  /** The resolved route, in the provider's own values. */
  effective: ModelHandle['effective'];
  credential: Credential;
  calls: ModelCalls;
  background: BackgroundCalls;
  toolsets: AttemptTools;
  /** Its place among the attempts with the same beginning of the prompt; absent if that is too small for a cache. */
  prefix: PrefixPlace | undefined;
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
  const prompt = promptFor(job, batch, toolsets.tools, deps);
  const prefixKey = prefixKeyOf(job, prompt, toolsets.tools);
  const prefix = prefixKey === null ? undefined : deps.prefixes.placeOf(prefixKey);
  const child = new Child({
    prompt,
    model: provider.background ? background : calls,
    tools: toolsets.tools,
    allowance,
    shouldYield: () => deps.active.isDraining,
    ready: prefix && ((signal) => prefix.ready(signal)),
    ...recordingOf(attempt, { calls, background, prefix }, deps),
    observer: deps.observer,
    label: attempt.label,
  });
  return { child, effective, credential, calls, background, toolsets, prefix };
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
function recordingOf(
  attempt: Attempt,
  { calls, background, prefix }: Pick<Built, 'calls' | 'background' | 'prefix'>,
  deps: TaskDeps,
) {
  const { taskId, epoch, history } = attempt;
  return {
    recorded: history.checkpoints,
    record: async (checkpoint: Checkpoint) => {
      prefix?.answered();
      const flag = await deps.records.checkpoint(taskId, epoch, checkpoint);
      calls.turnRecorded();
      background.turnRecorded();
      attempt.abortIfCancelled(flag);
    },
    effects: history.effects,
    journal: async (call: EffectCall) => attempt.abortIfCancelled(await deps.records.journal(taskId, epoch, call)),
  };
}
