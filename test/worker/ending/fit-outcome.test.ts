import { describe, expect, test } from 'vitest';
import { byteLength } from '../../../src/base/text.ts';
import { Outcome } from '../../../src/contract/outcome.ts';
import { checked } from '../../../src/records/record-text.ts';
import { MAX_COMMAND_BYTES } from '../../../src/redis/bounded.ts';
import { MAX_OUTCOME_BYTES, storableOutcome } from '../../../src/worker/ending/fit-outcome.ts';
import { attemptOf, openRecords, outcomeOf, releasedOf } from '../../records/samples.ts';

const sizeOf = (outcome: Outcome) => byteLength(JSON.stringify(outcome));
const TOO_LARGE = 'the record was too large: ';
const HUGE = 5 * 1024 * 1024;

function succeeded(over: Record<string, unknown> = {}): Outcome {
  return { ...outcomeOf('b-0', 'short'), ...over } as Outcome;
}

const filesOf = (count: number, text?: string) =>
  Array.from({ length: count }, (_, at) => ({ path: `${at}/${'p'.repeat(400)}`, bytes: 9, ...(text && { text }) }));

describe('an outcome that is too large', () => {
  test('is left alone while it fits', () => {
    const whole = succeeded({ answer: { text: 'x'.repeat(3 * 1024 * 1024), files: [] } });
    expect(storableOutcome(whole)).toBe(whole);
  });

  test('loses the contents of its files before its text', () => {
    const text = 't'.repeat(3 * 1024 * 1024);
    const fitted = storableOutcome(succeeded({ answer: { text, files: filesOf(50, '\u0001'.repeat(8_192)) } }));
    expect(fitted).toMatchObject({ answer: { text }, notes: [`${TOO_LARGE}the contents of 50 files were left out`] });
    expect(sizeOf(fitted)).toBeLessThanOrEqual(MAX_OUTCOME_BYTES);
  });

  test('keeps its first and its last attempts', () => {
    const attempts = Array.from({ length: 1_000 }, (_, at) => ({
      ...attemptOf(at + 1, 'handed_back'),
      worker: 'w'.repeat(5_000),
    }));
    const fitted = storableOutcome(succeeded({ attempts }));
    expect(fitted.attempts.map(({ epoch }) => epoch)).toEqual([
      ...Array.from({ length: 10 }, (_, at) => at + 1),
      ...Array.from({ length: 90 }, (_, at) => at + 911),
    ]);
    expect(fitted.notes).toEqual([`${TOO_LARGE}900 of 1000 attempts were left out`]);
  });

  test('keeps the cleanup steps that are open', () => {
    const steps = Array.from({ length: 500 }, (_, at) => releasedOf(1, `1.x.${at}`, 'd'.repeat(10_000)));
    const open = { ...releasedOf(1, '1.y.0'), status: 'open' as const };
    const fitted = storableOutcome(succeeded({ cleanup: { version: 1, steps: [open, ...steps], open: 1 } }));
    expect(fitted.cleanup.steps[0]).toEqual(open);
    expect(fitted.cleanup).toMatchObject({ open: 1 });
    expect(fitted.notes).toEqual([expect.stringMatching(/released cleanup steps were left out$/)]);
  });

  test.each(['succeeded', 'failed', 'cancelled'])(
    'of status %s has its text cut last, and says so [B122]',
    (status) => {
      const answer = { text: '\u0001é'.repeat(HUGE / 2), files: filesOf(1_000, 'text') };
      const failure = { version: 1, code: 'INTERNAL', origin: 'internal', message: 'm', remedy: 'r', causes: [] };
      const ended = status === 'cancelled' && { reason: 'r', requested_at: new Date().toISOString() };
      const { answer: _, ...common } = succeeded() as Outcome & { answer: unknown };
      const over = status === 'succeeded' ? { answer } : { failure, partial: answer, ...ended };
      const fitted = storableOutcome({ ...common, status, ...over } as Outcome);
      expect(sizeOf(fitted)).toBeLessThanOrEqual(MAX_OUTCOME_BYTES);
      expect(fitted.notes?.at(-1)).toBe(`${TOO_LARGE}the text was cut; it had ${answer.text.length} characters`);
      expect(Outcome.safeParse(fitted).success).toBe(true);
      expect(JSON.stringify(fitted).isWellFormed()).toBe(true);
    },
  );

  test('is stored and read back with its notes, which older readers do not see', async () => {
    const { tasks, batches, taskIds, batchId, stored } = await openRecords();
    const [taskId = ''] = taskIds;
    const huge = { ...outcomeOf(taskId, 'y'.repeat(HUGE)), attempts: [] };
    const { outcome } = await tasks.close(0, storableOutcome(huge));
    expect(outcome.notes).toEqual([`${TOO_LARGE}the text was cut; it had ${HUGE} characters`]);
    const [read] = await batches.outcomes(batchId, 0, 1);
    expect(read).toEqual(outcome);
    const text = await stored.outcome(taskId);
    expect(Object.keys(JSON.parse(text) as object)).not.toContain('notes');
    expect(text.length).toBeLessThan(MAX_COMMAND_BYTES);
  });
});

test('an outcome that does not fit its schema ends as failed with what can be kept', async () => {
  const { tasks, taskIds } = await openRecords();
  const [taskId = ''] = taskIds;
  const good = attemptOf(1, 'succeeded');
  const broken = {
    ...outcomeOf(taskId, 'paid for'),
    usage: { input_tokens: 1e300, cached_input_tokens: 0, output_tokens: Number.NaN, reasoning_tokens: 0 },
    attempts: [good, { ...attemptOf(2, 'failed'), turns_before: -1 }],
  };
  const fitted = storableOutcome(broken);
  expect(fitted).toMatchObject({
    status: 'failed',
    failure: { code: 'INTERNAL', message: expect.stringContaining('attempts.1.turns_before') },
    partial: { text: 'paid for' },
    attempts: [good],
    cost_usd: null,
  });
  expect((await tasks.close(0, fitted)).status).toBe('recorded');
  expect(() => checked(Outcome, broken)).toThrow(expect.objectContaining({ code: 'INTERNAL' }));
});
