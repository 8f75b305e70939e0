import { expect, test } from 'vitest';
import { parseTaskId } from '../../src/base/ids.ts';
import type { TaskSpec } from '../../src/contract/task.ts';
import { aDeployment, type Deployment } from '../helpers/deployment.ts';
import { requestsIn } from '../helpers/requests.ts';

const LEVELS: Record<number, string> = { 20: 'debug', 30: 'info', 40: 'warn', 50: 'error' };

/** The lines of a deployment about its tasks and batches, without what differs from run to run. */
function linesOf({ logs }: Deployment): Record<string, unknown>[] {
  const lines = logs
    .join('')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  return lines
    .filter(({ task_id, batch_id }) => task_id ?? batch_id)
    .map(({ level, time: _, task_id, batch_id, ...line }) => ({
      level: LEVELS[level],
      ...line,
      ...(task_id && { task_id: `task ${parseTaskId(task_id)?.index}` }),
      ...(batch_id && { batch_id: 'batch' }),
      ...('duration_ms' in line && { duration_ms: expect.any(Number) }),
    }));
}

const local = { task_id: 'task 0', provider: 'local', model: 'local-1' };
const nothingLeft = { duration_ms: expect.any(Number), released: 2, open: 0 };

/** The line of a batch of one task that was settled. */
function settled(status: 'succeeded' | 'failed' | 'cancelled' | 'rejected', cost: object = {}): object {
  const counts = { succeeded: 0, failed: 0, rejected: 0, cancelled: 0, [status]: 1 };
  const unknown = { cost_usd: null, calls_of_unknown_cost: 1, ...cost };
  return { level: 'info', batch_id: 'batch', name: 'a', total: 1, ...counts, ...unknown, msg: 'batch settled' };
}

const started = (epoch: number, more: object = {}) => ({
  level: 'info',
  ...local,
  epoch,
  ...more,
  msg: 'attempt started',
});
const ended = (level: string, epoch: number, more: object) => ({
  level,
  ...local,
  epoch,
  turns: 0,
  ...nothingLeft,
  ...more,
  msg: 'attempt ended',
});
const free = { cost_usd: 0, calls_of_unknown_cost: undefined };

type Task = Partial<TaskSpec> & { goal: string };

test.each<[string, Task, object[]]>([
  [
    'succeeded',
    { goal: '[[sim: tool=list_files args={}]] Go.', toolsets: ['workspace'] },
    [
      started(1),
      ended('info', 1, { ended: 'succeeded', turns: 2, released: 3 }),
      settled('succeeded', { calls_of_unknown_cost: 2 }),
    ],
  ],
  [
    'failed',
    { goal: '[[sim: status=401]]' },
    [
      started(1),
      ended('warn', 1, { ended: 'failed', code: 'CREDENTIAL_REJECTED', message: expect.any(String) }),
      settled('failed', free),
    ],
  ],
  [
    'failed and tried again, with a reasoning effort',
    { goal: '[[sim: status=500 times=1]] Go.', reasoning_effort: 'low' },
    [
      started(1, { reasoning_effort: 'low' }),
      ended('warn', 1, {
        ended: 'failed',
        reasoning_effort: 'low',
        code: 'PROVIDER_FAILED',
        message: expect.any(String),
      }),
      started(2, { reasoning_effort: 'low' }),
      ended('info', 2, { ended: 'succeeded', reasoning_effort: 'low', turns: 1 }),
      settled('succeeded'),
    ],
  ],
  [
    'deferred',
    { goal: '[[sim: status=429 retry_after_ms=20 times=1]] Go.' },
    [
      started(1),
      ended('info', 1, { ended: 'deferred', code: 'PROVIDER_RATE_LIMITED', message: expect.any(String) }),
      started(2),
      ended('info', 2, { ended: 'succeeded', turns: 1 }),
      settled('succeeded'),
    ],
  ],
])('an attempt that is %s has the same lines as ever', async (_how, task, expected) => {
  const deployment = await aDeployment({ settings: { tasks: { backoff_ms: 1_000 } } });
  const { producer, startWorker } = deployment;
  await startWorker();
  const { batch_id } = await producer.enqueue({ name: 'a', tasks: [{ provider: 'local', ...task }] });
  await producer.settled(batch_id);
  await expect.poll(() => linesOf(deployment)).toEqual(expected);
});

test('an attempt that is rejected, cancelled or handed back has the same lines as ever', async () => {
  const deployment = await aDeployment();
  const { producer, simulator, startWorker } = deployment;
  const worker = await startWorker();
  const settle = async (task: Task) => {
    const inCall = requestsIn(simulator, 'received', 1);
    const { batch_id } = await producer.enqueue({ name: 'a', tasks: [{ provider: 'local', ...task }] });
    return { batch_id, inCall };
  };
  const { batch_id: rejected } = await producer.enqueue({ name: 'a', tasks: [{ goal: 'Go', provider: 'acme' }] });
  await producer.settled(rejected);
  const { batch_id: cancelled, inCall } = await settle({ goal: '[[sim: hang=stream after=1]]' });
  await inCall;
  await producer.cancel(cancelled, 'enough');
  await producer.settled(cancelled);
  const left = await settle({ goal: '[[sim: hang=stream after=1]]' });
  await left.inCall;
  await worker.drain();
  const acme = { provider: 'acme', model: 'acme-1' };
  const message = expect.any(String);
  expect(linesOf(deployment)).toEqual([
    started(1, acme),
    ended('warn', 1, { ...acme, ended: 'rejected', code: 'CREDENTIAL_MISSING', message, released: 0 }),
    settled('rejected', free),
    started(1),
    ended('info', 1, { ended: 'cancelled', code: 'ATTEMPT_CANCELLED', message }),
    settled('cancelled'),
    started(1),
    ended('info', 1, { ended: 'handed_back', code: 'ATTEMPT_DRAINED', message }),
  ]);
  await producer.cancel(left.batch_id, 'enough');
});
