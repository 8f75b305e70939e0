import { expect, test } from 'vitest';
import { sleep } from '../../src/base/clock.ts';
import { aDeployment } from '../helpers/deployment.ts';
import { startWorkerProcess } from '../helpers/process.ts';
import { turnsReached } from '../helpers/requests.ts';

const LOCK_MS = 4_000;

test('a lone worker that stood still past its locks continues its calls, paid once', async () => {
  const deployment = await aDeployment();
  const { producer, simulator, outcomesOf } = deployment;
  const worker = await startWorkerProcess(deployment, { name: 'lone', lock_duration_ms: LOCK_MS });
  const inFlight = turnsReached(simulator, 1, 5);
  const goal = 'Think for long [[sim: latency_ms=7000]]';
  const { batch_id } = await producer.enqueue({
    tasks: Array.from({ length: 5 }, () => ({ goal, provider: 'local' })),
  });
  await inFlight;
  worker.process.kill('SIGSTOP');
  await sleep(1.5 * LOCK_MS); // the test is about the length of the stop
  worker.process.kill('SIGCONT');
  expect((await producer.settled(batch_id)).counts.succeeded).toBe(5);
  for (const { attempts } of await outcomesOf(batch_id)) {
    expect(attempts.map(({ ended }) => ended)).toEqual(['succeeded']);
  }
  expect(simulator.requests()).toHaveLength(5);
  worker.process.kill('SIGTERM');
  await worker.exited;
});
