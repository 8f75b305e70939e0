import { expect, test } from 'vitest';
import { taskIdOf } from '../../src/base/ids.ts';
import { Redactor } from '../../src/base/secret.ts';
import type { LoggedRequest, Simulator } from '../../src/entries/simulator.ts';
import { TaskRecords } from '../../src/records/task-records.ts';
import { aDeployment, type Deployment, simulatedProviders } from '../helpers/deployment.ts';
import { giveUpNext } from '../helpers/given-up.ts';
import { startWorkerProcess } from '../helpers/process.ts';
import { openRedis } from '../helpers/redis.ts';
import { givenIn } from '../records/given.ts';
import { attemptOf } from '../records/samples.ts';

/** A deployment whose provider `openai` answers in the background. */
async function aBackgroundDeployment(): Promise<Deployment> {
  const deployment = await aDeployment();
  const providers = simulatedProviders(deployment.simulator.url);
  deployment.settings.providers = { ...providers, openai: { ...providers.openai, background: true } };
  return deployment;
}

/** What came in, by method and the end of the path, for example `POST /responses`. Ids are left out. */
function asked(simulator: Simulator): string[] {
  return simulator.requests().map(({ method, path }) => {
    const [, end = ''] = /\/v1(\/.*)$/.exec(path) ?? [];
    return `${method} ${end.replace(/resp_[^/?]+/, '<id>').replace(/\?.*/, '')}`;
  });
}

/** Resolves once a request that fits has come in. */
function aRequest(simulator: Simulator, fits: (request: Readonly<LoggedRequest>) => boolean): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  simulator.onRequest((request, phase) => {
    if (phase === 'received' && fits(request)) resolve();
  });
  return promise;
}

test.each([
  ['is still at work', 'delta_ms=150'],
  ['has ended', 'delta_ms=0'],
])('after kill -9 in mid-stream the heir goes on with the response, which %s', async (_, pace) => {
  const deployment = await aBackgroundDeployment();
  const { producer, simulator, startWorker, outcomesOf } = deployment;
  const dying = { fixture: 'dying-worker.ts', env: { ERRAND_DIE_AT: 'mid_stream' } };
  const doomed = await startWorkerProcess(deployment, { name: 'doomed' }, dying);
  const text = 'one two three four five six seven';
  const { batch_id } = await producer.enqueue({ goal: `Count. [[sim: text="${text}" ${pace}]]`, provider: 'openai' });
  await doomed.exited;
  await startWorker({ name: 'heir' });
  expect((await producer.settled(batch_id)).counts.succeeded).toBe(1);
  const [outcome] = await outcomesOf(batch_id);
  expect(outcome).toMatchObject({
    answer: { text },
    attempts: [{ ended: 'lost' }, { ended: 'succeeded', call_taken_over_from: 1 }],
    calls_possibly_paid_twice: 0,
    // The only call; its model has no price here.
    calls_of_unknown_cost: 1,
    usage: { output_tokens: expect.any(Number) },
    cleanup: { open: 0 },
  });
  const [first, ...later] = asked(simulator);
  expect(first).toBe('POST /responses');
  expect(new Set(later)).toEqual(new Set(['GET /responses/<id>']));
});

test('a stream that is cut is read again, and a response that failed is asked for anew', async () => {
  const { producer, simulator, startWorker, outcomesOf } = await aBackgroundDeployment();
  await startWorker();
  const goal = (fault: string) => ({
    goal: `Go. [[sim: text="all of it"]] [[sim: ${fault} times=1]]`,
    provider: 'openai',
  });
  const cut = await producer.enqueue(goal('cut=reset after=1 delta_ms=5'));
  expect((await producer.settled(cut.batch_id)).counts.succeeded).toBe(1);
  expect(asked(simulator).filter((request) => request === 'POST /responses')).toHaveLength(1);
  expect((await outcomesOf(cut.batch_id))[0]).toMatchObject({
    answer: { text: 'all of it' },
    calls_possibly_paid_twice: 0,
  });

  simulator.clearRequests();
  const failed = await producer.enqueue(goal('fail=response after=1'));
  expect((await producer.settled(failed.batch_id)).counts.succeeded).toBe(1);
  expect(asked(simulator)).toEqual(['POST /responses', 'GET /responses/<id>', 'POST /responses']);
  expect((await outcomesOf(failed.batch_id))[0]).toMatchObject({ calls_possibly_paid_twice: 1 });
});

const ENDLESS = { goal: 'Endless. [[sim: hang=stream after=3 delta_ms=5]]', provider: 'openai' };

/** The step of a cancelled response in the cleanup record. */
const CANCELLED_RESPONSE = expect.objectContaining({
  kind: 'response',
  ref: expect.stringMatching(/^openai\/resp_/),
  status: 'released',
  evidence: 'acknowledged',
  detail: 'the provider reports its status as cancelled',
});

test('cancelling a task cancels its response with the provider', async () => {
  const { producer, simulator, startWorker, outcomesOf, prefix } = await aBackgroundDeployment();
  await startWorker();
  const { batch_id } = await producer.enqueue(ENDLESS);
  await expect.poll(async () => (await producer.status(batch_id)).running).toBe(1);
  const tasks = new TaskRecords(openRedis(), prefix, new Redactor());
  await expect.poll(async () => (await tasks.history(taskIdOf(batch_id, 0))).response).toBeTruthy();
  await producer.cancel(batch_id, 'enough');
  expect((await producer.settled(batch_id)).counts.cancelled).toBe(1);
  expect((await outcomesOf(batch_id))[0]?.cleanup).toMatchObject({
    steps: expect.arrayContaining([CANCELLED_RESPONSE]),
    open: 0,
  });
  expect(asked(simulator)).toEqual(['POST /responses', 'GET /responses/<id>', 'POST /responses/<id>/cancel']);
});

test('a task cancelled after its worker died has its response cancelled on closing', async () => {
  const deployment = await aBackgroundDeployment();
  const { producer, simulator, startWorker, outcomesOf } = deployment;
  const dying = { fixture: 'dying-worker.ts', env: { ERRAND_DIE_AT: 'mid_stream' } };
  const doomed = await startWorkerProcess(deployment, { name: 'doomed' }, dying);
  const { batch_id } = await producer.enqueue(ENDLESS);
  await doomed.exited;
  await producer.cancel(batch_id, 'nobody needs it');
  await startWorker({ name: 'heir' });
  expect((await producer.settled(batch_id)).counts.cancelled).toBe(1);
  expect((await outcomesOf(batch_id))[0]?.cleanup.steps).toContainEqual(CANCELLED_RESPONSE);
  expect(asked(simulator)).toEqual(['POST /responses', 'GET /responses/<id>', 'POST /responses/<id>/cancel']);
});

test('the response of a task without an outcome is cancelled as its batch settles', async () => {
  const { producer, simulator, startWorker, outcomesOf, prefix } = await aBackgroundDeployment();
  const { batch_id } = await producer.enqueue(ENDLESS);
  const taskId = taskIdOf(batch_id, 0);
  const tasks = new TaskRecords(openRedis(), prefix, new Redactor());
  await tasks.open(taskId, 'openai', 'doomed');
  await tasks.noteResponse(taskId, 1, { turn: 1, provider: 'openai', id: 'resp_0', epoch: 1 });
  await giveUpNext(prefix, 'openai');
  await startWorker();
  expect((await producer.settled(batch_id)).counts.failed).toBe(1);
  expect(await outcomesOf(batch_id)).toMatchObject([
    {
      failure: { code: 'ATTEMPT_STALLED_OUT' },
      cleanup: { steps: [{ kind: 'response', ref: 'openai/resp_0', status: 'released' }], open: 0 },
    },
  ]);
  expect(asked(simulator)).toEqual(['GET /responses/<id>']);
});

test('a response that a superseded attempt could not write down is cancelled', async () => {
  const { producer, simulator, startWorker, outcomesOf, prefix } = await aBackgroundDeployment();
  await startWorker();
  const asking = aRequest(simulator, ({ turn }) => turn === 1);
  const { batch_id } = await producer.enqueue({
    goal: 'Go. [[sim: text="done" latency_ms=3000]]',
    provider: 'openai',
  });
  await asking;
  await new TaskRecords(openRedis(), prefix, new Redactor()).open(taskIdOf(batch_id, 0), 'openai', 'ghost');
  expect((await producer.settled(batch_id)).counts.succeeded).toBe(1);
  expect(asked(simulator)).toEqual(['POST /responses', 'GET /responses/<id>', 'POST /responses']);
  expect((await outcomesOf(batch_id))[0]).toMatchObject({ answer: { text: 'done' }, cleanup: { open: 0 } });
});

test('a response that was taken over is not cancelled by a superseded heir', async () => {
  const deployment = await aBackgroundDeployment();
  const { producer, simulator, startWorker, outcomesOf, prefix } = deployment;
  const dying = { fixture: 'dying-worker.ts', env: { ERRAND_DIE_AT: 'mid_stream' } };
  const doomed = await startWorkerProcess(deployment, { name: 'doomed' }, dying);
  const { batch_id } = await producer.enqueue({
    goal: 'Go. [[sim: text="one two three four five six" delta_ms=600]]',
    provider: 'openai',
  });
  await doomed.exited;
  const records = new TaskRecords(openRedis(), prefix, new Redactor());
  const lookedUp = aRequest(simulator, ({ method }) => method === 'GET');
  const overtake = async () => {
    await lookedUp;
    const taskId = taskIdOf(batch_id, 0);
    await records.open(taskId, 'openai', 'ghost');
    await records.endAttempt(taskId, attemptOf(3, 'handed_back'));
  };
  const overtaken = overtake();
  await startWorker({ name: 'heir' });
  const [summary] = await Promise.all([producer.settled(batch_id), overtaken]);
  expect(summary.counts.succeeded).toBe(1);
  expect(asked(simulator).filter((request) => request.startsWith('POST'))).toEqual(['POST /responses']);
  expect((await outcomesOf(batch_id))[0]).toMatchObject({ calls_possibly_paid_twice: 0, cleanup: { open: 0 } });
});

test('a response whose turn is on record is not cancelled when its task fails', async () => {
  const { producer, simulator, startWorker, outcomesOf } = await aBackgroundDeployment();
  await startWorker();
  const { batch_id } = await producer.enqueue({ goal: 'Say nothing. [[sim: text=""]]', provider: 'openai' });
  expect((await producer.settled(batch_id)).counts.failed).toBe(1);
  const [outcome] = await outcomesOf(batch_id);
  expect(outcome).toMatchObject({ failure: { code: 'CHILD_EMPTY_ANSWER' }, turns: 1 });
  expect(outcome?.cleanup.steps.map(({ kind }) => kind)).not.toContain('response');
  expect(asked(simulator)).toEqual(['POST /responses']);
});

test.each([false, true])(
  'a response of another task or program is not used or cancelled (cancel: %s)',
  async (isCancelled) => {
    const { producer, simulator, startWorker, outcomesOf, prefix } = await aBackgroundDeployment();
    const url = `${simulator.url}/openai/v1/responses`;
    const headers = { authorization: 'Bearer other', 'content-type': 'application/json' };
    const input = '[[sim: text="the secret" latency_ms=60000]]';
    const body = JSON.stringify({ model: 'gpt-5.6-sol', background: true, input });
    const { id } = (await (await fetch(url, { method: 'POST', headers, body })).json()) as { id: string };
    const { batch_id } = await producer.enqueue({ goal: 'Go. [[sim: text="my own"]]', provider: 'openai' });
    const taskId = taskIdOf(batch_id, 0);
    const tasks = new TaskRecords(openRedis(), prefix, new Redactor());
    await tasks.open(taskId, 'openai', 'forger');
    await tasks.noteResponse(taskId, 1, { turn: 1, provider: 'openai', id, epoch: 1 });
    await tasks.endAttempt(taskId, attemptOf(1, 'handed_back'));
    if (isCancelled) await producer.cancel(batch_id, 'enough');
    await startWorker();
    await producer.settled(batch_id);
    const [outcome] = await outcomesOf(batch_id);
    expect(outcome).toMatchObject(isCancelled ? { status: 'cancelled' } : { answer: { text: 'my own' } });
    expect(await (await fetch(`${url}/${id}`, { headers })).json()).toMatchObject({ status: 'in_progress' });
    await givenIn(prefix).noOpenRows('*');
  },
);

test('without the opt-in nothing is stored, looked up or cancelled', async () => {
  const { producer, simulator, startWorker, outcomesOf } = await aDeployment();
  await startWorker();
  const streaming = aRequest(simulator, ({ turn }) => turn === 1);
  const { batch_id } = await producer.enqueue(ENDLESS);
  await streaming;
  await producer.cancel(batch_id, 'enough');
  await producer.settled(batch_id);
  expect((await outcomesOf(batch_id))[0]?.cleanup.steps.map(({ kind }) => kind)).toEqual([
    'client',
    'credential_lease',
  ]);
  expect(asked(simulator)).toEqual(['POST /responses']);
  const body = JSON.parse(simulator.requests()[0]?.body ?? '{}');
  expect(body).toMatchObject({ store: false });
  expect(body).not.toHaveProperty('background');
});
