import { expect, test } from 'vitest';
import type { Checkpoint } from '../../src/contract/checkpoint.ts';
import type { Attempt, AttemptEnd } from '../../src/contract/outcome.ts';
import { NO_USAGE } from '../../src/contract/usage.ts';
import { paidTwiceIn } from '../../src/worker/paid-twice.ts';

function attempt(turnsBefore: number, ended: AttemptEnd, unfinished = 0): Attempt {
  const startedAt = '2026-01-01T00:00:00.000Z';
  return {
    epoch: 1,
    worker: 'w',
    turns_before: turnsBefore,
    unfinished_calls: unfinished,
    started_at: startedAt,
    ended,
  };
}

function turn(inputTokens: number, cost: number | null = 0.1): Checkpoint {
  const usage = { ...NO_USAGE, input_tokens: inputTokens };
  const reply = { native: null, text: '', tool_calls: [], stop: 'tools' as const, usage, cost_usd: cost };
  return { version: 1, turn: 1, tool_results: [], reply };
}

const dollarEach = (inputTokens: number) => inputTokens;

test.each<[string, Attempt[], Checkpoint[], object]>([
  ['nothing was cut off', [attempt(0, 'succeeded')], [turn(7)], { calls_possibly_paid_twice: 0 }],
  [
    'lost attempts were taken up, each at its own turn',
    [attempt(0, 'lost'), attempt(1, 'lost'), attempt(1, 'succeeded')],
    [turn(7), turn(20)],
    { calls_possibly_paid_twice: 2, possibly_paid_twice_usd: 40 },
  ],
  [
    'a call was cut off by a drain',
    [attempt(0, 'handed_back', 1), attempt(0, 'succeeded')],
    [turn(7)],
    { calls_possibly_paid_twice: 1, possibly_paid_twice_usd: 7 },
  ],
  [
    'the call was made again and never completed',
    [attempt(0, 'lost'), attempt(0, 'failed', 1)],
    [],
    { calls_possibly_paid_twice: 1, possibly_paid_twice_usd: null },
  ],
  [
    'the turn that was made again has no known cost',
    [attempt(0, 'lost'), attempt(0, 'lost'), attempt(1, 'succeeded')],
    [turn(7, null), turn(20)],
    { calls_possibly_paid_twice: 2, possibly_paid_twice_usd: null },
  ],
  ['nobody went on', [attempt(0, 'lost'), attempt(0, 'cancelled')], [], { calls_possibly_paid_twice: 0 }],
])('counts and bounds what may have been paid twice where %s', (_, attempts, turns, expected) => {
  expect(paidTwiceIn(attempts, turns, dollarEach)).toEqual(expected);
});
