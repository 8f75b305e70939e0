import { byteLength, clip, counted } from '../../base/text.ts';
import { CleanupStep, cleanupOf } from '../../contract/cleanup.ts';
import { type Answer, Attempt, Outcome } from '../../contract/outcome.ts';
import { Metadata } from '../../contract/task.ts';
import { NO_USAGE } from '../../contract/usage.ts';
import { FAILURES } from '../../errors.ts';
import { problemOf } from '../../records/read-record.ts';
import { type Checked, checked } from '../../records/record-text.ts';

/**
 * The maximum size of an outcome, in bytes of JSON. One command to Redis has at most 4 MiB and also carries the cleanup
 * of the attempt.
 */
export const MAX_OUTCOME_BYTES = 3.5 * 1024 * 1024;

/** The number of entries kept of a long list, at its start and at its end. */
const KEPT_FIRST = 10;
const KEPT_LAST = 90;

/** Removes one kind of content from an outcome; `undefined` if it has no such content. */
type Cut = (outcome: Outcome) => { outcome: Outcome; note: string } | undefined;

/** What is removed from an outcome that is too large, the least useful content first. */
const CUTS: readonly Cut[] = [
  withoutFileTexts,
  (outcome) => middleOut(outcome, 'attempts'),
  (outcome) => middleOut(outcome, 'interrupted_effects'),
  withoutMostSteps,
  withFewFiles,
];

/**
 * Makes an outcome that can be written and read again. An outcome that does not fit its schema could never be stored,
 * and its task would run again without end. So it becomes a failed outcome with the valid parts.
 */
export function storableOutcome(outcome: Outcome): Checked<Outcome> {
  const fitted = fitOutcome(outcome);
  try {
    return checked(Outcome, fitted);
  } catch (error) {
    return checked(Outcome, unstorable(fitted, problemOf(error instanceof Error ? error.cause : error)));
  }
}

function unstorable(outcome: Outcome, problem: string): Outcome {
  const { origin, remedy } = FAILURES.INTERNAL;
  const message = `the outcome with status "${outcome.status}" does not fit its schema: ${problem}`;
  const { version, batch_id, task_id, index, duration_ms, ended_at } = outcome;
  const kept = { version, batch_id, task_id, index, duration_ms, ended_at };
  const steps = outcome.cleanup.steps.filter((step) => CleanupStep.safeParse(step).success);
  const text = answerOf(outcome)?.text ?? '';
  return {
    ...kept,
    status: 'failed',
    failure: { version: 1, code: 'INTERNAL', origin, message, remedy, causes: [] },
    ...(text !== '' && { partial: { text, files: [] } }),
    route: null,
    ...(Metadata.safeParse(outcome.metadata).success && { metadata: outcome.metadata }),
    attempts: outcome.attempts.filter((attempt) => Attempt.safeParse(attempt).success),
    turns: outcome.turns,
    tool_calls: outcome.tool_calls,
    usage: NO_USAGE,
    cost_usd: null,
    calls_possibly_paid_twice: 0,
    cleanup: cleanupOf(steps),
  };
}

/**
 * Cuts an outcome until it fits into one command, and lists in its notes what was left out. If it already fits, returns
 * it unchanged.
 */
export function fitOutcome(outcome: Outcome): Outcome {
  if (isSmall(outcome)) return outcome;
  let fitted = outcome;
  for (const cut of CUTS) {
    if (bytesOf(fitted) <= MAX_OUTCOME_BYTES) return fitted;
    const done = cut(fitted);
    if (done) fitted = noted(done.outcome, done.note);
  }
  return bytesOf(fitted) <= MAX_OUTCOME_BYTES ? fitted : withShorterText(fitted);
}

/** The maximum bytes of a character in JSON (`\\u0001`), and of any other value with its punctuation. */
const MAX_CHAR_BYTES = 6;
const MAX_VALUE_BYTES = 32;

/** Tells whether a record certainly fits, without writing its JSON: nearly every outcome is small. */
function isSmall(outcome: Outcome): boolean {
  let left = MAX_OUTCOME_BYTES;
  const spend = (value: unknown): boolean => {
    left -= MAX_VALUE_BYTES;
    if (typeof value === 'string') left -= MAX_CHAR_BYTES * value.length;
    if (left < 0) return false;
    if (typeof value !== 'object' || value === null) return true;
    if (Array.isArray(value)) return value.every(spend);
    for (const name in value) {
      left -= MAX_CHAR_BYTES * name.length;
      if (!spend(Reflect.get(value, name))) return false;
    }
    return true;
  };
  return spend(outcome);
}

function bytesOf(outcome: Outcome): number {
  return byteLength(JSON.stringify(outcome));
}

function noted(outcome: Outcome, note: string): Outcome {
  return { ...outcome, notes: [...(outcome.notes ?? []), `the record was too large: ${note}`] };
}

function answerOf(outcome: Outcome): Answer | undefined {
  if (outcome.status === 'succeeded') return outcome.answer;
  return outcome.status === 'rejected' ? undefined : outcome.partial;
}

function withAnswer(outcome: Outcome, answer: Answer): Outcome {
  if (outcome.status === 'succeeded') return { ...outcome, answer };
  return outcome.status === 'rejected' ? outcome : { ...outcome, partial: answer };
}

function withoutFileTexts(outcome: Outcome): ReturnType<Cut> {
  const answer = answerOf(outcome);
  const full = answer?.files.filter(({ text }) => text !== undefined).length ?? 0;
  if (!answer || full === 0) return undefined;
  const files = answer.files.map(({ text: _, ...file }) => file);
  return {
    outcome: withAnswer(outcome, { ...answer, files }),
    note: `the contents of ${counted(full, 'file')} were left out`,
  };
}

function withFewFiles(outcome: Outcome): ReturnType<Cut> {
  const answer = answerOf(outcome);
  if (!answer || answer.files.length <= KEPT_FIRST) return undefined;
  const files = answer.files.slice(0, KEPT_FIRST);
  const note = `${answer.files.length - KEPT_FIRST} of ${answer.files.length} files were left out`;
  return { outcome: withAnswer(outcome, { ...answer, files }), note };
}

function middleOut(outcome: Outcome, field: 'attempts' | 'interrupted_effects'): ReturnType<Cut> {
  const entries: readonly unknown[] = outcome[field] ?? [];
  const left = entries.length - KEPT_FIRST - KEPT_LAST;
  if (left <= 0) return undefined;
  const kept = [...entries.slice(0, KEPT_FIRST), ...entries.slice(-KEPT_LAST)];
  return { outcome: { ...outcome, [field]: kept }, note: `${left} of ${entries.length} ${field} were left out` };
}

/** Open steps stay, because an operator must act on them. */
function withoutMostSteps(outcome: Outcome): ReturnType<Cut> {
  const { steps } = outcome.cleanup;
  const left = steps.filter(({ status }, at) => status === 'released' && at < steps.length - KEPT_LAST);
  if (left.length === 0) return undefined;
  const kept = steps.filter((step) => !left.includes(step));
  const cleanup = { ...outcome.cleanup, steps: kept };
  return {
    outcome: { ...outcome, cleanup },
    note: `${left.length} of ${steps.length} released cleanup steps were left out`,
  };
}

function withShorterText(outcome: Outcome): Outcome {
  const answer = answerOf(outcome);
  if (!answer) return outcome;
  const { text } = answer;
  let fitted = noted(outcome, `the text was cut; it had ${text.length} characters`);
  for (let kept = text.length; kept > 0; ) {
    const excess = bytesOf(fitted) - MAX_OUTCOME_BYTES;
    if (excess <= 0) break;
    // Cuts the share that is too much and a little more, because characters differ in size.
    const bytes = byteLength(JSON.stringify(text.slice(0, kept)));
    kept = Math.floor(kept * Math.max(0, 0.99 - excess / bytes));
    fitted = withAnswer(fitted, { ...answer, text: clip(text, kept) });
  }
  return fitted;
}
