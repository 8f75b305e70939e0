import { expect, test } from 'vitest';
import type { BatchInput } from '../../src/contract/batch.ts';
import type { FailureCode } from '../../src/errors.ts';
import { aDeployment } from '../helpers/deployment.ts';
import { watchSlowness } from '../helpers/slowness.ts';

type Budget = NonNullable<Extract<BatchInput, { goal: string }>['budget']>;

/** What a child met, how much of it its task allows, and what it is known to have said until then. */
const CASES: { met: string; directives: string; budget: Budget; code: FailureCode; said: RegExp | null }[] = [
  {
    met: 'a model that never begins',
    directives: '[[sim: hang=body]]',
    budget: { first_token_seconds: 3 },
    code: 'PROVIDER_FIRST_TOKEN_TIMED_OUT',
    said: null,
  },
  {
    met: 'a stream that falls silent',
    directives: '[[sim: hang=stream after=3]]',
    budget: { idle_seconds: 3 },
    code: 'PROVIDER_STREAM_STALLED',
    said: /\w/,
  },
  {
    met: 'a turn without end',
    directives: '[[sim: tokens=5000 delta_ms=20]]',
    budget: { turn_seconds: 5 },
    code: 'PROVIDER_TURN_TIMED_OUT',
    said: /\w/,
  },
  {
    met: 'too little time for the task',
    directives: '[[sim: tokens=5000 delta_ms=20]]',
    budget: { seconds: 8 },
    code: 'BUDGET_SECONDS',
    said: /\w/,
  },
];

const workspace = ['workspace' as const];

test('each watchdog ends its task by its own code, with what was said [B99] [B125]', async () => {
  const { producer, startWorker, simulator, outcomesOf } = await aDeployment({ settings: { tasks: { tries: 1 } } });
  await startWorker();
  const first = '[[sim: tool=list_files args={}]]';
  const tasks = CASES.map(({ met, directives, budget }) => ({
    goal: `Meet ${met} ${first} ${directives.replace('sim:', 'sim: turn=2')}`,
    provider: 'local',
    toolsets: workspace,
    budget,
  }));
  const { batch_id } = await producer.enqueue({ tasks });
  await producer.settled(batch_id);
  const outcomes = await outcomesOf(batch_id);
  for (const [at, { code, said }] of CASES.entries()) {
    const partial = said && { partial: { text: expect.stringMatching(said) } };
    expect(outcomes[at]).toMatchObject({ status: 'failed', failure: { code }, turns: 1, tool_calls: 1, ...partial });
    expect(outcomes[at]?.usage.output_tokens).toBeGreaterThan(0);
  }
  expect(simulator.requests().every(({ turn, ended }) => ended === (turn === 1 ? 'complete' : 'client_closed'))).toBe(
    true,
  );
});

test('a child that repeats one call over and over is ended by the deployment [B100]', async () => {
  const settings = { watchdogs: { turns_without_progress: 3 } };
  const { producer, startWorker, simulator, outcomesOf } = await aDeployment({ settings });
  await startWorker();
  const goal = `Look again ${'[[sim: tool=list_files args={}]] '.repeat(8)}`;
  const tasks = [
    { goal, provider: 'local', toolsets: workspace },
    { goal: 'Takes its place', provider: 'local' },
  ];
  const { batch_id } = await producer.enqueue({ tasks, max_concurrent: 1 });
  await producer.settled(batch_id);
  expect(await outcomesOf(batch_id)).toMatchObject([
    {
      status: 'failed',
      failure: { code: 'CHILD_NO_PROGRESS' },
      turns: 3,
      attempts: [{ ended: 'failed' }],
      cleanup: { open: 0 },
    },
    { status: 'succeeded' },
  ]);
  expect(simulator.requests()).toHaveLength(4);
});

test('a silent stream is tried again, because the next one may speak', async () => {
  const { producer, startWorker, outcomesOf } = await aDeployment({ settings: { watchdogs: { idle_ms: 2_000 } } });
  await startWorker();
  const goal = 'Speak [[sim: hang=stream after=2 times=1]] [[sim: text="spoken"]]';
  const { batch_id } = await producer.enqueue({ goal, provider: 'local' });
  await producer.settled(batch_id);
  const [outcome] = await outcomesOf(batch_id);
  expect(outcome).toMatchObject({ status: 'succeeded', answer: { text: 'spoken' } });
  expect(outcome?.attempts.map(({ failure }) => failure?.code)).toEqual(['PROVIDER_STREAM_STALLED', undefined]);
});

test('what an earlier attempt ran for is gone from the time of the task', async () => {
  const { producer, startWorker, outcomesOf } = await aDeployment();
  await startWorker();
  const pace = watchSlowness();
  const goal = '[[sim: status=500 latency_ms=3000 times=1]] [[sim: tokens=5000 delta_ms=20]]';
  const { batch_id } = await producer.enqueue({ goal, provider: 'local', budget: { seconds: 6 } });
  await producer.settled(batch_id);
  const [outcome] = await outcomesOf(batch_id);
  expect(outcome).toMatchObject({ status: 'failed', failure: { code: 'BUDGET_SECONDS' } });
  expect(outcome?.attempts.map(({ failure }) => failure?.code)).toEqual(['PROVIDER_FAILED', 'BUDGET_SECONDS']);
  const { started_at = '', ended_at = '' } = outcome?.attempts[1] ?? {};
  expect(Date.parse(ended_at) - Date.parse(started_at)).toBeLessThan(pace.allow(4_500));
});
