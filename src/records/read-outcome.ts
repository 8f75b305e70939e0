import { isoNow } from '../base/clock.ts';
import { taskIdOf } from '../base/ids.ts';
import { amendCleanup, CleanupStep, cleanupOf } from '../contract/cleanup.ts';
import { Outcome } from '../contract/outcome.ts';
import { NO_USAGE } from '../contract/usage.ts';
import { FAILURES } from '../errors.ts';
import { readRecord } from './read-record.ts';

/**
 * Reads an outcome, with what was given back after it was written: one cleanup step a line.
 *
 * A record that does not parse is told as a failure of its own, `RECORD_UNREADABLE`, so that one damaged record does not
 * keep a whole batch from settling.
 */
export function readOutcome(batchId: string, index: number, text: string, later: string | null | undefined): Outcome {
  try {
    const outcome = readRecord(Outcome, text, 'the outcome');
    const steps = (later?.split('\n') ?? []).map((line) => readRecord(CleanupStep, line, 'a cleanup step'));
    return { ...outcome, cleanup: amendCleanup(outcome.cleanup, steps) };
  } catch {
    return unreadable(batchId, index);
  }
}

function unreadable(batchId: string, index: number): Outcome {
  const { origin, means, remedy } = FAILURES.RECORD_UNREADABLE;
  return {
    version: 1,
    batch_id: batchId,
    task_id: taskIdOf(batchId, index),
    index,
    status: 'failed',
    failure: { version: 1, code: 'RECORD_UNREADABLE', origin, message: means, remedy, causes: [] },
    route: null,
    attempts: [],
    turns: 0,
    tool_calls: 0,
    usage: NO_USAGE,
    cost_usd: null,
    calls_possibly_paid_twice: 0,
    duration_ms: 0,
    ended_at: isoNow(),
    cleanup: cleanupOf([]),
  };
}
