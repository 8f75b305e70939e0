import { isoNow } from '../base/clock.ts';
import { taskIdOf } from '../base/ids.ts';
import { amendCleanup, CleanupStep, cleanupOf } from '../contract/cleanup.ts';
import { Outcome } from '../contract/outcome.ts';
import { stored } from '../contract/stored.ts';
import { Metadata } from '../contract/task.ts';
import { NO_USAGE } from '../contract/usage.ts';
import { FAILURES, isErrandError } from '../errors.ts';
import { readAnyVersion, readEntry, readRecord } from './read-record.ts';

const WithMetadata = stored({ metadata: Metadata.optional() });

/** The task whose outcome to read. `isPatient`: an outcome that only a newer version can read is an error. */
export type OutcomeRequest = { batchId: string; index: number; isPatient?: boolean };

/**
 * Reads an outcome, with the rows that were released after it was written: one cleanup step a line.
 *
 * A record that does not parse becomes a failed outcome with the code `RECORD_UNREADABLE`, so that one damaged record
 * does not keep a whole batch from settling. A cleanup step that does not parse is left out: its row then counts as
 * open.
 *
 * @throws ErrandError `RECORD_UNREADABLE` for an outcome that only a newer version can read, if `isPatient`.
 */
export function readOutcome(
  { batchId, index, isPatient = false }: OutcomeRequest,
  text: string,
  later: string | null | undefined,
): Outcome {
  try {
    const outcome = readRecord(Outcome, text, `the outcome of task ${taskIdOf(batchId, index)}`);
    const steps = (later?.split('\n') ?? [])
      .map((line) => readEntry(CleanupStep, line))
      .filter((step) => step !== null);
    return { ...outcome, cleanup: amendCleanup(outcome.cleanup, steps) };
  } catch (error) {
    if (isPatient && isErrandError(error) && error.needs !== undefined) throw error;
    const { means, remedy } = FAILURES.RECORD_UNREADABLE;
    const metadata = metadataInOutcome(text);
    const outcome = unreadable(batchId, index, isErrandError(error) ? error : { message: means, remedy });
    return metadata ? { ...outcome, metadata } : outcome;
  }
}

/** Returns the metadata of the task in an outcome, even if no other field of the outcome can be read. */
export function metadataInOutcome(text: string): Metadata | undefined {
  try {
    return readAnyVersion(WithMetadata, text, 'an outcome').metadata;
  } catch {
    return undefined;
  }
}

/** Whether an outcome replaces a record that does not parse. */
export function isUnreadable(outcome: Outcome): boolean {
  return outcome.status === 'failed' && outcome.failure.code === 'RECORD_UNREADABLE';
}

function unreadable(batchId: string, index: number, { message, remedy }: { message: string; remedy: string }): Outcome {
  const { origin } = FAILURES.RECORD_UNREADABLE;
  return {
    version: 1,
    batch_id: batchId,
    task_id: taskIdOf(batchId, index),
    index,
    status: 'failed',
    failure: { version: 1, code: 'RECORD_UNREADABLE', origin, message, remedy, causes: [] },
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
