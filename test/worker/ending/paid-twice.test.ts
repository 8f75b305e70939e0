import { expect, test } from 'vitest';
import type { Checkpoint } from '../../../src/contract/checkpoint.ts';
import type { Attempt, AttemptEnd } from '../../../src/contract/outcome.ts';
import { type CutSpend, NO_SPEND } from '../../../src/contract/spend.ts';
import { NO_USAGE } from '../../../src/contract/usage.ts';
import { cutSpendIn, paidTwiceIn } from '../../../src/worker/ending/paid-twice.ts';

type Sketch = [turnsBefore: number, ended: AttemptEnd, unfinished?: number];

function attemptsOf(...sketches: Sketch[]): Attempt[] {
  return sketches.map(([turns_before, ended, unfinished_calls = 0], at) => ({
    epoch: at + 1,
    worker: 'w',
    turns_before,
    unfinished_calls,
    started_at: '2026-01-01T00:00:00.000Z',
    ended,
  }));
}

function turn(inputTokens: number, cost: number | null = 0.1): Checkpoint {
  const usage = { ...NO_USAGE, input_tokens: inputTokens };
  const reply = { native: null, text: '', tool_calls: [], stop: 'tools' as const, usage, cost_usd: cost };
  return { version: 1, turn: 1, tool_results: [], reply };
}

function spent(over: Partial<CutSpend>): CutSpend {
  return { ...NO_SPEND, ...over };
}

const dollarEach = { maxCostOf: (inputTokens: number) => inputTokens, maxInputTokens: 900 };

test.each<[string, Attempt[], Checkpoint[], [number, CutSpend][], object]>([
  ['nothing was cut off', attemptsOf([0, 'succeeded']), [turn(7)], [], { calls_possibly_paid_twice: 0 }],
  [
    'lost attempts were taken up, each at its own turn',
    attemptsOf([0, 'lost'], [1, 'lost'], [1, 'succeeded']),
    [turn(7), turn(20)],
    [],
    { calls_possibly_paid_twice: 2, possibly_paid_twice_usd: 40 },
  ],
  [
    'a call was cut off by a drain',
    attemptsOf([0, 'handed_back', 1], [0, 'succeeded']),
    [turn(7)],
    [],
    { calls_possibly_paid_twice: 1, possibly_paid_twice_usd: 7 },
  ],
  [
    'the call was made again and never completed',
    attemptsOf([0, 'lost'], [0, 'failed', 1]),
    [],
    [[2, spent({ max_cost_usd: 33 })]],
    { calls_possibly_paid_twice: 1, possibly_paid_twice_usd: 33 },
  ],
  [
    'neither time of the call was measured',
    attemptsOf([0, 'lost'], [0, 'lost'], [0, 'failed']),
    [],
    [],
    { calls_possibly_paid_twice: 1, possibly_paid_twice_usd: 900 },
  ],
  [
    'the turn that was made again has no known usage',
    attemptsOf([0, 'lost'], [0, 'lost'], [1, 'succeeded']),
    [turn(0, null), turn(20)],
    [],
    { calls_possibly_paid_twice: 2, possibly_paid_twice_usd: 920 },
  ],
  ['no attempt continued', attemptsOf([0, 'lost'], [0, 'cancelled']), [], [], { calls_possibly_paid_twice: 0 }],
])('counts and bounds what may have been paid twice: %s', (_, attempts, checkpoints, cutSpends, expected) => {
  expect(paidTwiceIn({ attempts, checkpoints, cutSpends: new Map(cutSpends) }, dollarEach)).toEqual(expected);
});

test('without a price there is no bound', () => {
  const facts = { attempts: attemptsOf([0, 'lost'], [0, 'succeeded']), checkpoints: [turn(7)], cutSpends: new Map() };
  expect(paidTwiceIn(facts, { maxCostOf: () => null, maxInputTokens: null })).toMatchObject({
    possibly_paid_twice_usd: null,
  });
});

test('a worker that does not know the price takes the bound of one that did', () => {
  const cutSpends = new Map([[1, spent({ max_cost_usd: 33 })]]);
  const facts = {
    attempts: attemptsOf([0, 'handed_back', 1], [0, 'succeeded']),
    checkpoints: [turn(7, null)],
    cutSpends,
  };
  expect(paidTwiceIn(facts, { maxCostOf: () => null, maxInputTokens: null })).toMatchObject({
    possibly_paid_twice_usd: 33,
  });
});

const told = spent({ usage: { ...NO_USAGE, input_tokens: 4_096 }, known_cost_usd: 0.5 });

test.each<[string, Attempt[], [number, CutSpend][], object]>([
  [
    'attempts that cut no call off cost nothing beside their turns',
    attemptsOf([0, 'failed'], [0, 'succeeded']),
    [],
    {},
  ],
  [
    'each cut-off call counts with its reported usage',
    attemptsOf([0, 'failed', 1], [0, 'handed_back', 1], [0, 'succeeded']),
    [
      [1, told],
      [2, told],
    ],
    { usage: { input_tokens: 8_192 }, known_cost_usd: 1 },
  ],
  [
    'an attempt that cut a call off and said no more has a call of unknown cost',
    attemptsOf([0, 'failed', 1], [0, 'succeeded']),
    [],
    { calls_of_unknown_cost: 1 },
  ],
  ['a lost attempt has a call of unknown cost', attemptsOf([0, 'lost'], [0, 'lost']), [], { calls_of_unknown_cost: 2 }],
  [
    'unless it said otherwise',
    attemptsOf([0, 'lost'], [0, 'succeeded']),
    [[1, NO_SPEND]],
    { calls_of_unknown_cost: 0 },
  ],
  [
    'what an attempt said of a call under way counts if it was lost in that call',
    attemptsOf([0, 'lost'], [0, 'succeeded']),
    [[1, { ...told, turn: 1 }]],
    { usage: { input_tokens: 4_096 }, known_cost_usd: 0.5, calls_of_unknown_cost: 0 },
  ],
  [
    'what an attempt said of a call under way is void once the turn is recorded',
    attemptsOf([0, 'lost'], [1, 'succeeded']),
    [[1, { ...told, turn: 1 }]],
    { known_cost_usd: 0, calls_of_unknown_cost: 1 },
  ],
  [
    'what an attempt said of a call under way is void if it ended between two calls',
    attemptsOf([0, 'handed_back'], [1, 'succeeded']),
    [[1, { ...told, turn: 1 }]],
    { known_cost_usd: 0, calls_of_unknown_cost: 0 },
  ],
  [
    'a call that went on in the background is that of the attempt that took it over',
    attemptsOf([0, 'handed_back', 1], [0, 'lost'], [0, 'succeeded']).map((attempt) =>
      attempt.epoch === 3 ? { ...attempt, call_taken_over_from: 1 } : attempt,
    ),
    [],
    { calls_of_unknown_cost: 0, known_cost_usd: 0 },
  ],
])('%s', (_, attempts, cutSpends, expected) => {
  const facts = { attempts, checkpoints: [], cutSpends: new Map(cutSpends) };
  expect(cutSpendIn(facts)).toMatchObject(expected);
});
