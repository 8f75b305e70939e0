import { taskIdOf } from '../base/ids.ts';
import { ErrandError } from '../errors.ts';
import { type Announcements, isServed } from '../records/announcements.ts';
import { jobNameOf } from '../records/sleepers.ts';
import type { TaskHistory } from '../records/task-history.ts';
import type { BatchHead, UnattendedRecords } from '../records/unattended-records.ts';
import { note } from '../telemetry/observer.ts';
import { taskEndOf } from './ending/decide.ts';
import { closeUnattended } from './ending/unattended.ts';
import { type SettleDeps, settleBatch } from './settle-batch.ts';
import { describeTask, type OpenTask, whyEnds } from './unattended-task.ts';

/** The number of tasks that are searched at a time. */
const PAGE = 200;
/** The number of tasks that are closed in parallel: cancelling a background response takes time. */
const AT_ONCE = 20;
/** How long a claim keeps other workers away if its worker dies while it ends the tasks of a batch. */
const CLAIM_MS = 10_000;

/** The dependencies of {@link endBatch}. `isStopped`: this worker is stopping. */
export type EndDeps = SettleDeps & {
  unattended: UnattendedRecords;
  announcements: Announcements;
  /** The lanes that this worker serves. */
  lanes: readonly string[];
  isStopped: () => boolean;
};

/**
 * Which tasks of a batch to end. `removed`: the tasks without a job in any lane.
 *
 * `unserved`: the lanes that no worker has served for too long, each with the time when it was last served.
 */
export type Targets = {
  indexes: 'all' | readonly number[];
  lanes: readonly string[];
  unserved: ReadonlyMap<string, number>;
};

/**
 * Ends the tasks of a batch that no worker runs and that must not wait any longer, and settles the batch once all its
 * tasks have ended. Their jobs stay in the queue: a worker that takes a job finds the outcome. One worker at a time
 * does this for a batch. Two workers at once do no harm, because the first outcome of a task stays. Returns `false` if
 * another worker is doing it.
 */
export async function endBatch(batchId: string, head: BatchHead, targets: Targets, deps: EndDeps): Promise<boolean> {
  const { unattended, self } = deps;
  if (!(await unattended.claim(batchId, self.instance, CLAIM_MS))) return false;
  try {
    const closed = await closeTargets(batchId, head, targets, deps);
    if (closed > 0) note(deps.observer, { name: 'unattended_ended', batchId, count: closed });
    const [after] = await unattended.look([batchId]);
    if (after?.status === 'unsettled' && after.ended >= after.total) await settleBatch(batchId, deps);
    return true;
  } finally {
    await unattended.unclaim(batchId);
  }
}

async function closeTargets(batchId: string, head: BatchHead, targets: Targets, deps: EndDeps): Promise<number> {
  let closed = 0;
  for (const [from, to] of rangesOf(targets.indexes, head.total)) {
    if (deps.isStopped()) return closed;
    const wanted = targets.indexes === 'all' ? null : new Set(targets.indexes);
    const open = await deps.unattended.openTasks(batchId, from, to);
    const tasks = open.filter((index) => wanted === null || wanted.has(index));
    if (tasks.length === 0) continue;
    const taskIds = tasks.map((index) => taskIdOf(batchId, index));
    const places = await deps.jobs.find(taskIds, targets.lanes);
    const found = taskIds.map((taskId, at) => ({ taskId, batchId, index: tasks[at] ?? 0, place: places[at] ?? null }));
    closed += await closeAll(found, head, targets, deps);
    await deps.unattended.keep(batchId, CLAIM_MS);
  }
  return closed;
}

/** Ranges of indexes to search: all pages, or the pages with a wanted index. */
function rangesOf(indexes: Targets['indexes'], total: number): [number, number][] {
  const pages =
    indexes === 'all'
      ? Array.from({ length: Math.ceil(total / PAGE) }, (_, page) => page)
      : [...new Set(indexes.map((index) => Math.floor(index / PAGE)))];
  return pages.map((page) => [page * PAGE, Math.min((page + 1) * PAGE, total)]);
}

async function closeAll(tasks: OpenTask[], head: BatchHead, targets: Targets, deps: EndDeps): Promise<number> {
  let closed = 0;
  for (let from = 0; from < tasks.length && !deps.isStopped(); from += AT_ONCE) {
    const ended = await Promise.all(
      tasks.slice(from, from + AT_ONCE).map((task) => closeOne(task, head, targets, deps)),
    );
    closed += ended.filter(Boolean).length;
  }
  return closed;
}

/**
 * Closes one task, unless a worker may run it. Returns `false` if the task must not end, or if another worker ended it.
 */
async function closeOne(task: OpenTask, head: BatchHead, targets: Targets, deps: EndDeps): Promise<boolean> {
  if (task.place?.isHeld) return false;
  const error = await whyUnattendedEnds(task, head, targets, deps);
  const history = await deps.records.history(task.taskId);
  if (error === null || (await isForOthers(history, deps))) return false;
  const described = await describeTask(task, deps.jobs);
  if (task.place) await deps.unattended.dropSleeper(task.batchId, jobNameOf(task.taskId, task.place.provider));
  const end = taskEndOf(error, deps.redactor);
  const recorded = await closeUnattended({ task: described, end, history }, deps);
  // Another worker took the task meanwhile and records its outcome.
  if (recorded.status === 'superseded') return false;
  await deps.jobs.wake(recorded.wake);
  return recorded.status === 'recorded';
}

/**
 * Tells whether another worker must close the task: only a worker that knows the provider can cancel its background
 * response.
 */
async function isForOthers({ response }: TaskHistory, { lanes, announcements }: EndDeps): Promise<boolean> {
  if (response === null || lanes.includes(response.provider)) return false;
  return isServed(response.provider, await announcements.live());
}

/** Returns the error that ends a task without a worker; `null` if the task keeps waiting. */
async function whyUnattendedEnds(
  task: OpenTask,
  head: BatchHead,
  { unserved }: Targets,
  deps: EndDeps,
): Promise<ErrandError | null> {
  const error = await whyEnds(task, head, deps.records);
  const sinceMs = task.place ? unserved.get(task.place.provider) : undefined;
  if (error || sinceMs === undefined) return error;
  const since = new Date(sinceMs).toISOString();
  const message = `no worker has served lane "${task.place?.provider}" of task ${task.taskId} since ${since}`;
  return new ErrandError('LANE_UNSERVED', message);
}
