import { Child } from '../agent/child.ts';
import { parseTaskId } from '../base/ids.ts';
import { announce } from '../base/moments.ts';
import { unlessAborted } from '../base/unless-aborted.ts';
import type { BackgroundResponse, Checkpoint } from '../contract/checkpoint.ts';
import type { CleanupRecord } from '../contract/cleanup.ts';
import { ErrandError, isErrandError } from '../errors.ts';
import type { ModelHandle } from '../providers/models.ts';
import type { TaskDelivery } from '../queue/consumer.ts';
import type { Verdict } from '../queue/verdict.ts';
import type { Opening } from '../records/opening.ts';
import { workspaceTools } from '../tools/workspace/tools.ts';
import { type AdmittedBatch, refusalOf } from './admission.ts';
import { Attempt } from './attempt.ts';
import { errorOf } from './classify.ts';
import { priceOf } from './ending/call-bounds.ts';
import { closeAttempt, type Result } from './ending/close.ts';
import { closeUnopened } from './ending/close-unopened.ts';
import { crashLoopIn } from './ending/crash-loop.ts';
import { amendPast } from './ending/outcome.ts';
import { responseMarkOf } from './holding/row-names.ts';
import { Scope } from './holding/scope.ts';
import { deliverFiles, holdWorkspace, keepFiles } from './holding/workspaces.ts';
import type { TaskDeps } from './task-deps.ts';

/**
 * Runs one attempt of one task and says what the queue is to do next.
 *
 * Invariants
 * - Never rejects for anything the task, the child or a provider did.
 * - Cleanup runs exactly once, after the work, whatever ended it; its steps are part of the record.
 * - What happened is on record before the queue is told anything.
 */
export async function runTask(delivery: TaskDelivery, queueSignal: AbortSignal, deps: TaskDeps): Promise<Verdict> {
  const opened = await open(delivery, queueSignal, deps);
  if (!(opened instanceof Attempt)) return opened;
  const attempt = opened;
  const result = await perform(attempt, deps);
  const cleanup = await unwind(attempt, deps);
  return closeAttempt(attempt, result, cleanup, attempt.isLastTry, deps);
}

async function open(delivery: TaskDelivery, queueSignal: AbortSignal, deps: TaskDeps): Promise<Attempt | Verdict> {
  const { taskId, job, isLastTry } = delivery;
  const opening = await openUnlessHeld(delivery, deps);
  if (opening.status !== 'opened' || !job.isReadable) return closeUnopened(delivery, opening, deps);
  const { epoch } = opening;
  const past = amendPast(opening.past, await deps.reclaim.ofTask(taskId, opening.openRows));
  const scope = new Scope(deps.records, deps.releasers, { taskId, epoch, owner: deps.self.instance });
  const parts = { taskId, epoch, worker: deps.self.name, job: job.data, history: { ...opening, past }, scope };
  const leaveRows = deps.reclaim.markRunning(taskId, epoch);
  const attempt = new Attempt({ ...parts, isLastTry, leaveRows }, queueSignal);
  deps.active.add(taskId, attempt.controller);
  deps.telemetry.attemptStarted(attempt.label);
  announce('opened', taskId);
  return attempt;
}

/** Opens an attempt as soon as the batch is not held. A batch that is known to be held is checked once for all its tasks. */
async function openUnlessHeld({ taskId, provider, needs }: TaskDelivery, deps: TaskDeps): Promise<Opening> {
  const batchId = parseTaskId(taskId)?.batchId ?? '';
  for (;;) {
    if ((await deps.held.delayMs(batchId)) > 0) return { status: 'held' };
    const opening = await deps.records.open(taskId, provider, deps.self.name, needs);
    if (opening.status !== 'held') return opening;
    deps.held.note(batchId);
  }
}

/** Admit, lease, build, run. Whatever is thrown on the way becomes the error of the attempt. */
async function perform(attempt: Attempt, deps: TaskDeps): Promise<Result> {
  try {
    const { past, checkpoints } = attempt.history;
    const batch = await unlessAborted(deps.admission.of(attempt.job.batch_id), attempt.signal);
    const refusal = refusalOf(batch, attempt.job.route);
    if (refusal) return { status: 'stopped', error: refusal, isRejected: batch.record.admission === 'batch' };
    const crashLoop = crashLoopIn(past, checkpoints.length);
    if (crashLoop) throw crashLoop;
    const child = await build(attempt, batch, deps);
    const text = await child.run(attempt.signal);
    await deliverFiles(attempt);
    return { status: 'succeeded', text };
  } catch (thrown) {
    const error = await unlessReplaced(errorOf(thrown, attempt.signal), attempt, deps);
    await keepFiles(attempt);
    return { status: 'stopped', error, isRejected: false };
  }
}

/**
 * Returns the error. If it is a refused key that was rotated meanwhile, returns an error that requeues the task instead of
 * failing it. If the attempt ends while the source is read again, that reason wins over the refusal.
 */
async function unlessReplaced(error: ErrandError, attempt: Attempt, deps: TaskDeps): Promise<ErrandError> {
  if (error.code !== 'CREDENTIAL_REJECTED' || !attempt.credential) return error;
  try {
    const found = await deps.credentials.replacementOf(attempt.credential, attempt.signal);
    if (found === null) return error;
  } catch (thrown) {
    return errorOf(thrown, attempt.signal);
  }
  const { provider } = attempt.job.route;
  return new ErrandError('CREDENTIAL_REPLACED', `the key of provider "${provider}" was replaced`, { cause: error });
}

async function build(attempt: Attempt, batch: AdmittedBatch, deps: TaskDeps): Promise<Child> {
  const { job, taskId, epoch, history, scope } = attempt;
  const provider = deps.catalogue.get(job.route.provider);
  const credential = await deps.credentials.resolve(provider.name, provider.credential, attempt.signal);
  attempt.credential = credential;
  const tools = job.task.toolsets?.includes('workspace') ? workspaceTools(await holdWorkspace(attempt, deps)) : [];
  const { client } = await scope.hold({
    lease: { kind: 'credential_lease' as const, ref: credential.id, acquire: () => credential.id },
    client: {
      kind: 'client' as const,
      ref: new URL(provider.base_url).host,
      acquire: () => deps.models.open({ provider, route: job.route, credential }),
      live: (made: ModelHandle) => made,
    },
  });
  announce('leased', taskId);
  attempt.effective = client.effective;
  const prices = { costOf: client.costOf, maxCostOf: priceOf(job.route, deps) };
  const counted = attempt.calls.counted(client.model, prices, {
    onCut: (spend) => deps.telemetry.callCutOff(attempt.label, spend),
    onLong: (spend) => {
      const noting = deps.spends.note(taskId, epoch, { ...spend, turn: attempt.tally.turns + 1 });
      noting.catch((error: unknown) => deps.telemetry.fault('spend', error));
    },
  });
  const {
    turns = deps.budget.turns,
    tokens = deps.budget.tokens,
    seconds = deps.budget.seconds,
  } = job.task.budget ?? {};
  attempt.limitSeconds(seconds);
  attempt.child = new Child({
    task: job.task,
    batchContext: batch.context,
    model: attempt.watch(counted, responseMarkOf(deps.deployment, taskId), (response) => note(response, attempt, deps)),
    tools,
    allowance: {
      turns,
      ...(tokens !== undefined && { tokens }),
      outputTokensPerTurn: deps.budget.output_tokens_per_turn,
      toolCallsPerTurn: deps.budget.tool_calls_per_turn,
    },
    watchdogs: deps.watchdogs,
    shouldYield: () => deps.active.isDraining,
    recorded: history.checkpoints,
    record: async (checkpoint: Checkpoint) => {
      deps.telemetry.turnRecorded(attempt.label, checkpoint.reply);
      const flag = await deps.records.checkpoint(taskId, epoch, checkpoint);
      attempt.calls.turnRecorded();
      attempt.response = null;
      announce('turn_recorded', taskId);
      attempt.abortIfCancelled(flag);
    },
    effects: history.effects,
    journal: async (call) => attempt.abortIfCancelled(await deps.records.journal(taskId, epoch, call)),
  });
  announce('built', taskId);
  return attempt.child;
}

/** What is thrown here passes through the model call, so it is made an error of ours: it is no fault of the provider. */
async function note(response: BackgroundResponse, attempt: Attempt, deps: TaskDeps): Promise<void> {
  try {
    attempt.abortIfCancelled(await deps.records.noteResponse(attempt.taskId, attempt.epoch, response));
  } catch (error) {
    // One of an earlier attempt is on record already, and its heir goes on with it.
    const isOwn = response.epoch === attempt.epoch;
    if (isOwn && isErrandError(error, 'ATTEMPT_SUPERSEDED')) attempt.orphan = response;
    throw errorOf(error, attempt.signal);
  }
}

async function unwind(attempt: Attempt, deps: TaskDeps): Promise<CleanupRecord> {
  announce('unwinding', attempt.taskId);
  attempt.stopWatching();
  deps.active.remove(attempt.taskId, attempt.controller);
  const { faultNote } = attempt.workspace ?? {};
  if (faultNote) attempt.notes.push(faultNote);
  const cleanup = await attempt.scope.unwind();
  announce('unwound', attempt.taskId);
  return cleanup;
}
