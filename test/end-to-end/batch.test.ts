import { expect, test } from 'vitest';
import { aDeployment } from '../helpers/deployment.ts';
import { giveUpNext } from '../helpers/given-up.ts';

test('each task runs on the route it carries, over three wires [B46] [B58] [B76]', async () => {
  const { producer, startWorker, simulator, outcomesOf } = await aDeployment();
  await startWorker();
  const receipt = await producer.enqueue({
    name: 'nightly',
    tasks: [
      { goal: 'Summarise the first report', provider: 'openai', model: 'gpt-5.6-sol', reasoning_effort: 'high' },
      { goal: 'Summarise the second report', provider: 'anthropic', model: 'claude-opus-5-5', reasoning_effort: 'low' },
      { goal: 'Summarise the third report', provider: 'local', reasoning_effort: 'medium' },
    ],
  });
  const summary = await producer.settled(receipt.batch_id);
  expect(summary.counts).toEqual({ succeeded: 3, failed: 0, rejected: 0, cancelled: 0 });
  const outcomes = await outcomesOf(receipt.batch_id);
  expect(
    outcomes.map(({ index, status, route }) => [index, status, route?.effective?.provider, route?.effective?.wire]),
  ).toEqual([
    [0, 'succeeded', 'openai', 'responses'],
    [1, 'succeeded', 'anthropic', 'messages'],
    [2, 'succeeded', 'local', 'chat'],
  ]);
  const seen = new Map(simulator.requests().map((request) => [request.model, request]));
  expect(seen.get('gpt-5.6-sol')?.effort).toMatchObject({ 'reasoning.effort': 'high' });
  expect(seen.get('claude-opus-5-5')?.effort).toMatchObject({ 'output_config.effort': 'low' });
  expect(seen.get('local-1')?.effort).toMatchObject({ reasoning_effort: 'medium' });
});

test('a provider brings its own path, key and wire, never another’s key [B47] [B83]', async () => {
  const { producer, startWorker, simulator, environment } = await aDeployment({
    settings: { delegation: { provider: 'openai', model: 'gpt-5.6-sol', reasoning_effort: 'low' } },
  });
  await startWorker();
  const goals = ['by configuration', 'switched to anthropic', 'switched to local'];
  const tasks = [
    { goal: `${goals[0]}` },
    { goal: `${goals[1]}`, provider: 'anthropic' },
    { goal: `${goals[2]}`, provider: 'local' },
  ];
  const { batch_id } = await producer.enqueue({ tasks });
  await producer.settled(batch_id);
  const sent = simulator
    .requests()
    .map(({ last_user_text, path, wire, key, model }) => [last_user_text, path, wire, key, model]);
  expect(sent.toSorted()).toEqual(
    [
      [goals[0], '/openai/v1/responses', 'responses', environment.SIM_OPENAI_KEY, 'gpt-5.6-sol'],
      [goals[1], '/anthropic/v1/messages', 'messages', environment.SIM_ANTHROPIC_KEY, 'claude-opus-5-5'],
      [goals[2], '/local/v1/chat/completions', 'chat', environment.SIM_LOCAL_KEY, 'local-1'],
    ].toSorted(),
  );
});

test('a child works in a workspace of its own; its answer has the files [B42] [B45]', async () => {
  const { producer, startWorker, outcomesOf } = await aDeployment();
  await startWorker();
  const goal =
    'Write it down. [[sim: tool=write_file args={"path":"notes/a.md","content":"# hi"}]] [[sim: text="written"]]';
  const { batch_id } = await producer.enqueue({ goal, provider: 'anthropic', toolsets: ['workspace'] });
  await producer.settled(batch_id);
  const [outcome] = await outcomesOf(batch_id);
  expect(outcome).toMatchObject({
    status: 'succeeded',
    answer: { text: 'written', files: [{ path: 'notes/a.md', bytes: 4, text: '# hi' }] },
    turns: 2,
    tool_calls: 1,
  });
  expect(outcome?.cleanup.steps.map(({ kind, status, evidence, actor }) => [kind, status, evidence, actor])).toEqual([
    ['client', 'released', 'verified', 'owner'],
    ['credential_lease', 'released', 'verified', 'owner'],
    ['workspace', 'released', 'verified', 'owner'],
  ]);
});

test('a 429 puts the task off for as long as the provider asked, at no try [B86]', async () => {
  const { producer, startWorker, outcomesOf } = await aDeployment({ settings: { tasks: { tries: 1 } } });
  await startWorker();
  const goal = 'Meet a limit. [[sim: status=429 retry_after_ms=200 times=2]]';
  const { batch_id } = await producer.enqueue({ goal, provider: 'openai' });
  await producer.settled(batch_id);
  const [outcome] = await outcomesOf(batch_id);
  expect(outcome?.status).toBe('succeeded');
  expect(outcome?.attempts.map(({ epoch, times, ended, failure }) => [epoch, times, ended, failure?.code])).toEqual([
    [2, 2, 'deferred', 'PROVIDER_RATE_LIMITED'],
    [3, undefined, 'succeeded', undefined],
  ]);
  const [away] = outcome?.attempts ?? [];
  expect(Date.parse(away?.first_started_at ?? '')).toBeLessThan(Date.parse(away?.started_at ?? ''));
  expect(outcome?.calls_possibly_paid_twice).toBe(0);
  const held = outcome?.cleanup.steps.map(({ row, status }) => [row.split('.')[0], status]);
  expect(held?.sort()).toEqual([
    ['2', 'released'],
    ['2', 'released'],
    ['3', 'released'],
    ['3', 'released'],
  ]);
});

test('a failure that may pass is tried again; the outcome has each attempt [B145]', async () => {
  const { producer, startWorker, outcomesOf, simulator } = await aDeployment();
  await startWorker();
  const { batch_id } = await producer.enqueue({ goal: 'Always fails. [[sim: status=500]]', provider: 'local' });
  const summary = await producer.settled(batch_id);
  const [outcome] = await outcomesOf(batch_id);
  expect(outcome).toMatchObject({ status: 'failed', failure: { code: 'PROVIDER_FAILED', http_status: 500 } });
  expect(outcome?.attempts.map(({ ended }) => ended)).toEqual(['failed', 'failed', 'failed']);
  expect(simulator.requests()).toHaveLength(3);
  expect(summary.failures.map(({ failure }) => failure.code)).toEqual(['PROVIDER_FAILED']);
  expect(summary.cleanup).toEqual({ released: 6, open: 0 });
});

test('a key that a provider repeats in its error is in no record [B146]', async () => {
  const { producer, startWorker, outcomesOf, environment } = await aDeployment();
  await startWorker();
  const { batch_id } = await producer.enqueue({ goal: 'Leak it. [[sim: status=401 echo=key]]', provider: 'openai' });
  await producer.settled(batch_id);
  const [outcome] = await outcomesOf(batch_id);
  expect(outcome).toMatchObject({ status: 'failed', failure: { code: 'CREDENTIAL_REJECTED' } });
  expect(JSON.stringify(outcome)).toContain('[secret]');
  expect(JSON.stringify(outcome)).not.toContain(environment.SIM_OPENAI_KEY);
});

test('a key that a model repeats is in no record and in nothing the queue keeps', async () => {
  const { producer, startWorker, outcomesOf } = await aDeployment();
  await startWorker();
  const { batch_id } = await producer.enqueue({ goal: 'Tell it. [[sim: text="It is" echo=key]]', provider: 'openai' });
  expect((await producer.settled(batch_id)).counts.succeeded).toBe(1);
  expect(await outcomesOf(batch_id)).toMatchObject([{ answer: { text: 'It is [secret]' } }]);
});

test('a child that does not end within its budget fails with its code [B101] [B117]', async () => {
  const { producer, startWorker, outcomesOf } = await aDeployment();
  await startWorker();
  const busy = '[[sim: tool=list_files args={}]] '.repeat(4);
  const { batch_id } = await producer.enqueue({
    admission: 'task',
    tasks: [
      { goal: `Too many turns ${busy}`, provider: 'local', toolsets: ['workspace'], budget: { turns: 2 } },
      { goal: `Too many tokens ${busy}`, provider: 'local', toolsets: ['workspace'], budget: { tokens: 40 } },
      { goal: 'Too long [[sim: hang=headers]]', provider: 'local', budget: { seconds: 0.2 } },
      { goal: 'Says nothing [[sim: text=""]]', provider: 'local' },
      { goal: 'Declines [[sim: refusal]]', provider: 'openai' },
    ],
  });
  await producer.settled(batch_id);
  const codes = (await outcomesOf(batch_id)).map((outcome) =>
    outcome.status === 'failed' ? outcome.failure.code : outcome.status,
  );
  expect(codes).toEqual(['BUDGET_TURNS', 'BUDGET_TOKENS', 'BUDGET_SECONDS', 'CHILD_EMPTY_ANSWER', 'CHILD_REFUSED']);
});

test('at most max_concurrent tasks of a batch run; the others follow [B23] [B28]', async () => {
  const { producer, startWorker, simulator } = await aDeployment();
  let most = 0;
  simulator.onRequest(() => {
    most = Math.max(most, simulator.inFlight);
  });
  await startWorker();
  await startWorker();
  const tasks = Array.from({ length: 9 }, (_, at) => ({
    goal: `Slow task ${at} [[sim: latency_ms=60]]`,
    provider: 'local',
  }));
  const { batch_id } = await producer.enqueue({ tasks, max_concurrent: 2 });
  const summary = await producer.settled(batch_id);
  expect(summary.counts.succeeded).toBe(9);
  expect(most).toBe(2);
});

test('a task that the queue ended fails, and its sibling succeeds [B116]', async () => {
  const { producer, startWorker, outcomesOf, prefix } = await aDeployment();
  const tasks = ['Given up', 'Goes on'].map((goal) => ({ goal, provider: 'local' }));
  const { batch_id } = await producer.enqueue({ tasks });
  await giveUpNext(prefix, 'local');
  await startWorker();
  expect((await producer.settled(batch_id)).counts).toMatchObject({ failed: 1, succeeded: 1 });
  const outcomes = await outcomesOf(batch_id);
  expect(outcomes).toMatchObject([{ failure: { code: 'ATTEMPT_STALLED_OUT' }, attempts: [] }, { status: 'succeeded' }]);
});

test('an overloaded provider that says when to return is obeyed, and no try is spent', async () => {
  const { producer, startWorker, outcomesOf } = await aDeployment({ settings: { tasks: { tries: 1 } } });
  await startWorker();
  const { batch_id } = await producer.enqueue({
    goal: 'Busy [[sim: status=529 retry_after_ms=200 times=1]]',
    provider: 'anthropic',
  });
  await producer.settled(batch_id);
  const [outcome] = await outcomesOf(batch_id);
  expect(outcome?.attempts.map(({ ended, failure }) => [ended, failure?.code])).toEqual([
    ['deferred', 'PROVIDER_OVERLOADED'],
    ['succeeded', undefined],
  ]);
});

test('the summary adds up usage and cost, and counts tasks without a price [B120]', async () => {
  const { producer, startWorker, settings, outcomesOf } = await aDeployment();
  const providers = settings.providers as Record<string, object>;
  providers.openai = { ...providers.openai, prices: { 'gpt-5.6-sol': { input: 1, output: 10 } } };
  await startWorker();
  const summed = async (...lanes: string[]) => {
    const { batch_id } = await producer.enqueue({ tasks: lanes.map((provider) => ({ goal: 'Count', provider })) });
    const summary = await producer.settled(batch_id);
    return { summary, outcomes: await outcomesOf(batch_id) };
  };
  const { summary, outcomes } = await summed('openai', 'openai');
  const [{ usage, cost_usd } = expect.fail('there is no outcome')] = outcomes;
  expect(usage.output_tokens).toBeGreaterThan(0);
  expect(cost_usd).toBeGreaterThan(0);
  expect(summary).toMatchObject({ unpriced_tasks: 0, cost_usd: 2 * (cost_usd ?? 0) });
  expect(summary.usage).toMatchObject({
    input_tokens: 2 * usage.input_tokens,
    output_tokens: 2 * usage.output_tokens,
  });
  expect((await summed('openai', 'local')).summary).toMatchObject({ unpriced_tasks: 1, cost_usd: null });
});

test('a credential that reads like a provider’s name spoils no record', async () => {
  const { producer, startWorker, outcomesOf } = await aDeployment({ environment: { SIM_LOCAL_KEY: 'succeeded' } });
  await startWorker();
  const { batch_id } = await producer.enqueue({ goal: 'Say whether it succeeded', provider: 'local' });
  expect((await producer.settled(batch_id)).counts.succeeded).toBe(1);
  const [outcome] = await outcomesOf(batch_id);
  expect(outcome).toMatchObject({ status: 'succeeded', answer: { text: expect.stringContaining('[secret]') } });
});

test('the background of the batch and the context of the task reach the model', async () => {
  const { producer, startWorker, simulator } = await aDeployment();
  await startWorker();
  const { batch_id } = await producer.enqueue({
    context: 'All of them know this',
    tasks: [{ goal: 'Use it', context: 'One of them knows that', provider: 'local' }],
  });
  expect((await producer.settled(batch_id)).counts.succeeded).toBe(1);
  const [request] = simulator.requests();
  for (const told of ['All of them know this', 'One of them knows that', 'Use it'])
    expect(request?.body).toContain(told);
});

test('the metadata of task and batch come back with the outcome and the status', async () => {
  const { producer, startWorker, outcomesOf } = await aDeployment();
  await startWorker();
  const { batch_id } = await producer.enqueue({
    tasks: [{ goal: 'Carry a tag', provider: 'local', metadata: { row: 7 } }],
    metadata: { order: 'a-1' },
  });
  await producer.settled(batch_id);
  expect(await producer.status(batch_id)).toMatchObject({ metadata: { order: 'a-1' } });
  expect(await outcomesOf(batch_id)).toMatchObject([{ metadata: { row: 7 } }]);
});
