import { parseTaskId } from '../base/ids.ts';
import type { CleanupStep } from '../contract/cleanup.ts';
import { messageOf } from '../errors.ts';
import type { Log } from './log.ts';
import { type End, type Observer, unobserved } from './observer.ts';
import type { AttemptLabel, AttemptReport, Fact, Step, StepEnd } from './step.ts';

/** The maximum number of ids in a line. The field `count` counts all of them. */
const MAX_IDS = 20;
/** The minimum time between two lines of the same fault: an outage repeats a fault hundreds of times. */
const FAULT_EVERY_MS = 10_000;
/** The maximum number of different faults in memory. */
const MAX_FAULTS = 100;

type FactOf<N extends Fact['name']> = Extract<Fact, { name: N }>;

/** Writes the steps that an operator wants to read to the log, one line each. */
export class LogObserver implements Observer {
  readonly #log: Log;
  readonly #faults = new Map<string, { at: number; suppressed: number }>();

  constructor(log: Log) {
    this.#log = log;
  }

  begin(step: Step): End {
    switch (step.name) {
      case 'text':
        return unobserved;
      case 'attempt':
        this.#log.info(fieldsOf(step), 'attempt started');
        return this.#attempt(step);
      case 'reclaim':
        return this.#reclaim(step.taskId);
      case 'settle':
        return this.#settle();
      case 'tool_progress':
      case 'tool_denied':
        this.#tool(step);
        return unobserved;
      case 'write_refused':
      case 'move_refused':
      case 'locks_lost':
        this.#refused(step);
        return unobserved;
      case 'jobs_handed_back':
      case 'unattended_ended':
        this.#doneForOthers(step);
        return unobserved;
      case 'redis':
      case 'channels':
      case 'fault':
        this.#trouble(step);
        return unobserved;
      default:
        return unobserved;
    }
  }

  #tool(fact: FactOf<'tool_progress' | 'tool_denied'>): void {
    const fields = { task_id: fact.taskId, epoch: fact.epoch, tool: fact.tool };
    if (fact.name === 'tool_denied') this.#log.info(fields, 'the tool policy denied a call');
    else this.#log.debug({ ...fields, progress: fact.text }, 'a tool reported its progress');
  }

  #attempt(attempt: AttemptLabel): End {
    return (end) => this.#attemptEnded(attempt, end);
  }

  #reclaim(taskId: string): End {
    return (end) => this.#reclaimed(taskId, end);
  }

  #settle(): End {
    return (end) => this.#settled(end);
  }

  #attemptEnded(attempt: AttemptLabel, end: StepEnd): void {
    if (end.status !== 'ended') return;
    const { ended, failure, cleanup, turns, durationMs }: AttemptReport = end.report;
    const fields = {
      ...fieldsOf(attempt),
      ended,
      turns,
      duration_ms: durationMs,
      released: cleanup.steps.length - cleanup.open,
      open: cleanup.open,
      ...(failure && { code: failure.code, message: failure.message }),
    };
    if (ended === 'failed' || ended === 'rejected' || cleanup.open > 0) this.#log.warn(fields, 'attempt ended');
    else this.#log.info(fields, 'attempt ended');
  }

  #reclaimed(taskId: string, end: StepEnd): void {
    if (end.status !== 'released' && end.status !== 'left_open') return;
    const { row, kind, ref, evidence, actor, detail }: CleanupStep = end.step;
    const isOfTask = parseTaskId(taskId) !== null;
    const fields = { ...(isOfTask && { task_id: taskId }), row, kind, ref, evidence, actor, detail };
    const what = isOfTask ? 'a resource of a dead attempt' : 'a shared resource of a worker';
    if (end.status === 'released') this.#log.info(fields, `released ${what}`);
    else this.#log.warn(fields, `could not release ${what}`);
  }

  #settled(end: StepEnd): void {
    if (end.status !== 'settled') return;
    const { batch_id, name, total, counts, cost_usd, calls_of_unknown_cost } = end.summary;
    this.#log.info({ batch_id, name, total, ...counts, cost_usd, calls_of_unknown_cost }, 'batch settled');
  }

  #refused(fact: FactOf<'write_refused' | 'move_refused' | 'locks_lost'>): void {
    if (fact.name === 'write_refused') {
      this.#log.warn({ task_id: fact.taskId }, 'a write was refused: a newer attempt owns the task');
    } else if (fact.name === 'move_refused') {
      const fields = { message: fact.error.message };
      this.#log.warn(fields, 'the queue refused to move a job: the worker had lost its lock');
    } else {
      const { taskIds } = fact;
      this.#log.warn(
        { task_ids: taskIds.slice(0, MAX_IDS), count: taskIds.length },
        'lost the locks of tasks; aborting their attempts',
      );
    }
  }

  #doneForOthers(fact: FactOf<'jobs_handed_back' | 'unattended_ended'>): void {
    if (fact.name === 'unattended_ended') {
      const { batchId, count } = fact;
      this.#log.info({ batch_id: batchId, count }, 'ended tasks that no worker runs');
    } else {
      const { jobIds, instance, proof } = fact;
      const fields = { job_ids: jobIds.slice(0, MAX_IDS), count: jobIds.length, instance, proof };
      this.#log.info(fields, 'returned the jobs of a dead worker to their queues');
    }
  }

  /** Logs each change of the state of Redis and of the channels, and faults. */
  #trouble(fact: FactOf<'redis' | 'channels' | 'fault'>): void {
    if (fact.name === 'fault') this.#fault(fact);
    else if (fact.name === 'redis') {
      const { state } = fact;
      if (state.status === 'ok') this.#log.info({ redis: state.status }, 'Redis is available again');
      else this.#log.error({ redis: state.status, reason: state.reason }, 'Redis is unavailable; waiting for it');
    } else if (fact.trouble === null) this.#log.info({ channels: 'ok' }, 'cancel messages arrive again');
    else {
      const { code, message, remedy } = fact.trouble;
      const fields = { channels: 'refused', code, reason: message, remedy };
      this.#log.warn(fields, 'cancel messages do not arrive; checking for cancels every few seconds');
    }
  }

  /** Logs a fault at most once in ten seconds for each message. */
  #fault({ where, error }: FactOf<'fault'>): void {
    const message = messageOf(error);
    const key = `${where} ${message}`;
    const now = performance.now();
    const last = this.#faults.get(key);
    if (last && now - last.at < FAULT_EVERY_MS) {
      last.suppressed++;
      return;
    }
    if (this.#faults.size > MAX_FAULTS) this.#faults.clear();
    this.#faults.set(key, { at: now, suppressed: 0 });
    this.#log.error({ where, message, ...(last?.suppressed && { repeated: last.suppressed }) }, 'infrastructure fault');
  }
}

function fieldsOf({ taskId, epoch, provider, model, effort }: AttemptLabel): object {
  return { task_id: taskId, epoch, provider, model, ...(effort && { reasoning_effort: effort }) };
}
