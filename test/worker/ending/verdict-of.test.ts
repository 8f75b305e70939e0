import { expect, test } from 'vitest';
import { Redactor } from '../../../src/base/secret.ts';
import { failureOf } from '../../../src/contract/failure.ts';
import { ErrandError } from '../../../src/errors.ts';
import type { Verdict } from '../../../src/queue/verdict.ts';
import type { Pause } from '../../../src/worker/ending/decide.ts';
import type { Recorded } from '../../../src/worker/ending/record.ts';
import { verdictOf } from '../../../src/worker/ending/verdict-of.ts';
import { outcomeOf } from '../../records/samples.ts';

const TASK = 'b0000000000000000000000-0';
const failure = failureOf(new ErrandError('PROVIDER_FAILED', 'the provider answered 500'), new Redactor());
const line = 'PROVIDER_FAILED: the provider answered 500';
const outcome = outcomeOf(TASK, 'done');
const wake = [{ provider: 'local', taskId: 'b0000000000000000000000-1' }];

const retry: Pause = { next: 'retry', failure };
const defer: Pause = { next: 'defer', failure, delayMs: 2_000 };
const requeue: Pause = { next: 'requeue', failure };
const surrender: Pause = { next: 'surrender', failure };

test.each<[string, Recorded, Verdict]>([
  ['its outcome', { status: 'recorded', outcome, wake }, { wake, move: { next: 'ended', outcome } }],
  ['an earlier outcome', { status: 'ended', outcome, wake: [] }, { wake: [], move: { next: 'ended', outcome } }],
  ['a retry', paused(retry), { wake, move: { next: 'retry', line } }],
  ['a deferral', paused(defer), { wake, move: { next: 'defer', line, delayMs: 2_000 } }],
  ['a requeue', paused(requeue), { wake, move: { next: 'requeue', line } }],
  ['a surrender', paused(surrender), { wake, move: { next: 'surrender', line } }],
  ['a retry of a cancelled task', paused(retry, true), { wake, move: { next: 'requeue', line } }],
  ['a deferral of a cancelled task', paused(defer, true), { wake, move: { next: 'requeue', line } }],
  ['a requeue of a cancelled task', paused(requeue, true), { wake, move: { next: 'requeue', line } }],
  ['a surrender of a cancelled task', paused(surrender, true), { wake, move: { next: 'surrender', line } }],
  ['a refusal', { status: 'superseded', failure }, { wake: [], move: { next: 'surrender', line } }],
])('the verdict after %s', (_, recorded, verdict) => {
  expect(verdictOf(recorded)).toEqual(verdict);
});

function paused(pause: Pause, isCancelled = false): Recorded {
  return { status: 'paused', pause, isCancelled, wake };
}
