import { expect, test } from 'vitest';
import { aDeployment } from '../helpers/deployment.ts';
import { startWorkerProcess } from '../helpers/process.ts';
import { requestsIn } from '../helpers/requests.ts';

test('a task that kills three workers in a row fails and lists each crash', async () => {
  const deployment = await aDeployment();
  const { producer, simulator, startWorker, outcomesOf } = deployment;
  const { batch_id } = await producer.enqueue({
    goal: 'Kill whoever runs me [[sim: hang=headers]]',
    provider: 'local',
    toolsets: ['workspace'],
  });
  for (const name of ['first', 'second', 'third']) {
    const reached = requestsIn(simulator, 'received', 1);
    const victim = await startWorkerProcess(deployment, { name });
    await reached;
    victim.process.kill('SIGKILL');
    await victim.exited;
  }
  await startWorker({ name: 'survivor' });
  await producer.settled(batch_id);
  const [outcome] = await outcomesOf(batch_id);
  expect(outcome).toMatchObject({
    status: 'failed',
    failure: { code: 'CRASH_LOOP', message: expect.stringMatching(/first at .*second at .*third at/) },
  });
  expect(outcome?.attempts.map(({ worker, ended }) => [worker, ended])).toEqual([
    ['first', 'lost'],
    ['second', 'lost'],
    ['third', 'lost'],
    ['survivor', 'failed'],
  ]);
  expect(outcome?.cleanup).toMatchObject({ open: 0 });
  expect(outcome?.cleanup.steps.filter(({ kind }) => kind === 'workspace')).toHaveLength(3);
  expect(simulator.requests()).toHaveLength(3);
});
