import { expect, test } from 'vitest';
import { aDeployment } from '../helpers/deployment.ts';

const TASKS = [
  { goal: 'This route is usable', provider: 'openai' },
  { goal: 'This one has no credential', provider: 'acme' },
  { goal: 'This one neither', provider: 'acme', model: 'acme-2' },
  { goal: 'This route is usable too', provider: 'local' },
];

test('one missing credential rejects the batch, by task; no provider is asked [B56]', async () => {
  const { producer, startWorker, simulator, outcomesOf } = await aDeployment();
  await startWorker();
  const { batch_id } = await producer.enqueue({ tasks: TASKS });
  const summary = await producer.settled(batch_id);
  expect(summary.counts).toEqual({ succeeded: 0, failed: 0, rejected: 4, cancelled: 0 });
  expect(simulator.requests()).toEqual([]);
  const outcomes = await outcomesOf(batch_id);
  const failures = outcomes.map((outcome) => (outcome.status === 'rejected' ? outcome.failure : undefined));
  expect(failures.map((failure) => failure?.code)).toEqual([
    'BATCH_REJECTED',
    'CREDENTIAL_MISSING',
    'CREDENTIAL_MISSING',
    'BATCH_REJECTED',
  ]);
  expect(failures[0]?.message).toMatch(/task 1 \(acme\/acme-1\).*CREDENTIAL_MISSING.*ACME_API_KEY/);
  expect(failures[0]?.remedy).toMatch(/ACME_API_KEY/);
  expect(outcomes.flatMap(({ cleanup }) => cleanup.steps)).toEqual([]);
});

test('admission by task: only tasks on the unusable route fail, named [B59] [B73]', async () => {
  const { producer, startWorker, outcomesOf } = await aDeployment();
  await startWorker();
  const { batch_id } = await producer.enqueue({ tasks: TASKS, admission: 'task' });
  const summary = await producer.settled(batch_id);
  expect(summary.counts).toEqual({ succeeded: 2, failed: 2, rejected: 0, cancelled: 0 });
  const [, second] = await outcomesOf(batch_id);
  expect(second).toMatchObject({
    status: 'failed',
    failure: {
      code: 'CREDENTIAL_MISSING',
      message: expect.stringContaining('"acme"'),
      remedy: expect.stringContaining('ACME_API_KEY'),
    },
  });
});

test('an effort that a strict provider does not take fails before a child is built', async () => {
  const { producer, startWorker, simulator, settings, outcomesOf } = await aDeployment();
  const providers = settings.providers as Record<string, object>;
  providers.local = { ...providers.local, effort_policy: 'strict', efforts: { 'local-1': ['low'] } };
  await startWorker();
  const { batch_id } = await producer.enqueue({ goal: 'Think hard', provider: 'local', reasoning_effort: 'max' });
  await producer.settled(batch_id);
  const [outcome] = await outcomesOf(batch_id);
  expect(outcome).toMatchObject({ status: 'rejected', failure: { code: 'ROUTE_UNSUPPORTED' } });
  expect(simulator.requests()).toEqual([]);
});
