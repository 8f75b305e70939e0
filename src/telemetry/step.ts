import type { BatchSummary } from '../contract/batch.ts';
import type { Turn } from '../contract/checkpoint.ts';
import type { CleanupActor, CleanupRecord, CleanupStep, KindName } from '../contract/cleanup.ts';
import type { Failure } from '../contract/failure.ts';
import type { AttemptEnd, Outcome } from '../contract/outcome.ts';
import type { Spend } from '../contract/spend.ts';
import type { ErrandError } from '../errors.ts';

/** Names an attempt and the route of its task. Every log line about the attempt has these fields. */
export type AttemptLabel = {
  taskId: string;
  epoch: number;
  provider: string;
  model: string;
  effort: string | undefined;
};

/** How an attempt ended, for its last log line. */
export type AttemptReport = {
  ended: AttemptEnd;
  failure: Failure | undefined;
  cleanup: CleanupRecord;
  turns: number;
  durationMs: number;
};

type OfTask = { taskId: string };
type OfAttempt = OfTask & { epoch: number };
type OfRow = OfTask & { row: string; kind: KindName; actor: CleanupActor };

/**
 * A step that takes time, named by a verb. `attempt` and the steps after it, up to `record`, happen within `deliver`.
 */
export type Work =
  /** A job is handled, from the queue to the verdict. */
  | ({ name: 'deliver'; provider: string } & OfTask)
  /** The next epoch of a task is opened, or its outcome is found. */
  | ({ name: 'open' } & OfTask)
  /** One start of one task, from its epoch to its record. */
  | ({ name: 'attempt' } & AttemptLabel)
  /** The routes of a batch are checked, or an earlier check is found. */
  | { name: 'admit'; batchId: string }
  /** The child is built, with its credential, tools and model. */
  | ({ name: 'build' } & OfAttempt)
  /** The credential of the route is resolved. */
  | ({ name: 'lease'; provider: string } & OfAttempt)
  /** Resources are acquired after their rows were written. */
  | ({ name: 'acquire'; kinds: readonly KindName[] } & OfAttempt)
  /** The model is called for a turn. */
  | ({ name: 'turn'; turn: number } & OfAttempt)
  /** A tool is called. */
  | ({ name: 'tool'; tool: string } & OfAttempt)
  /** The checkpoint of a turn is written. */
  | ({ name: 'record_turn'; reply: Turn } & AttemptLabel)
  /** All resources of an attempt are released in reverse. */
  | ({ name: 'unwind' } & OfAttempt)
  /** One resource is released, by its attempt or for a dead attempt. */
  | ({ name: 'release' } & OfRow)
  /** The row of a dead attempt, or of a worker, is released and closed. */
  | ({ name: 'reclaim' } & OfRow)
  /** The end of an attempt is written: as the outcome of its task, or as one more attempt. */
  | ({ name: 'record'; provider: string } & OfTask)
  /** The verdict on the job is sent to the queue. */
  | ({ name: 'tell_queue'; next: string } & OfTask)
  /** A batch whose tasks have all ended gets its summary. */
  | { name: 'settle'; batchId: string };

/** A step that ends at once: an event. */
export type Fact =
  /** A piece of text came from the model. Frequent. */
  | ({ name: 'text' } & OfAttempt)
  /** A tool reported its progress. `text` comes from the tool. */
  | ({ name: 'tool_progress'; tool: string; text: string } & OfAttempt)
  /** The model called a tool that the policy denies. It did not run. */
  | ({ name: 'tool_denied'; tool: string } & OfAttempt)
  /** A model call was cut off. The provider still bills the usage that it had reported. */
  | ({ name: 'call_cut_off'; spend: Spend } & AttemptLabel)
  /** The queue has counted a job as completed or failed. */
  | ({ name: 'told_queue' } & OfTask)
  /** A write was refused, because a newer attempt owns the task. */
  | ({ name: 'write_refused' } & OfTask)
  /** The queue refused to move a job, because another worker may have it. */
  | { name: 'move_refused'; error: Error }
  | { name: 'locks_lost'; taskIds: readonly string[] }
  /** Jobs of a dead worker were put back into their queues. */
  | { name: 'jobs_handed_back'; jobIds: readonly string[]; instance: string; proof: string }
  /** Tasks of a batch that no worker ran were ended. */
  | { name: 'unattended_ended'; batchId: string; count: number }
  | { name: 'redis'; state: { status: 'ok' } | { status: 'away' | 'refusing'; reason: string } }
  /** The worker receives messages on its channels (`null`), or cannot and polls instead. */
  | { name: 'channels'; trouble: ErrandError | null }
  /** An error of the infrastructure, and the part of the worker where it occurred. */
  | { name: 'fault'; where: string; error: unknown };

/** One step of a worker: what happens, and to which task, batch or job. */
export type Step = Work | Fact;

/**
 * How a step ended. Most steps end as `done`. An `attempt` ends as `ended`; a `release` or a `reclaim` as `released` or
 * `left_open`; a `record` that gave the task its outcome as `recorded`; a `settle` that made the summary as `settled`.
 */
export type StepEnd =
  | { status: 'done' }
  | { status: 'failed'; error: unknown }
  | { status: 'ended'; report: AttemptReport }
  | { status: 'released' | 'left_open'; step: CleanupStep }
  | { status: 'recorded'; outcome: Outcome }
  | { status: 'settled'; summary: BatchSummary };
