import { expect, test } from 'vitest';
import { monotonicMs } from '../../src/base/clock.ts';
import { aDeployment, type Deployment } from '../helpers/deployment.ts';
import { startWorkerProcess } from '../helpers/process.ts';
import { storedIn } from '../helpers/redis.ts';
import { turnsReached } from '../helpers/requests.ts';
import { watchSlowness } from '../helpers/slowness.ts';
import { givenIn } from '../records/given.ts';

/** How often a worker is killed: `ERRAND_KILLS=10 npx vitest run test/crash/jobs-of-the-dead.test.ts` prints ten figures. */
const KILLS = Number(process.env.ERRAND_KILLS ?? 1);
const TASKS = 5;

/** Resolves once this many tasks have each made a second call, with the time since this function was called. */
function askedAgain(deployment: Deployment, tasks: number): Promise<number> {
  const since = monotonicMs();
  const seen = new Set<string>();
  const { promise, resolve } = Promise.withResolvers<number>();
  deployment.simulator.onRequest(({ last_user_text: text }, phase) => {
    if (phase === 'received') seen.add(text);
    if (seen.size === tasks) resolve(monotonicMs() - since);
  });
  return promise;
}

const hanging = (count: number) =>
  Array.from({ length: count }, (_, at) => ({
    goal: `Task ${at} [[sim: hang=headers times=1]] [[sim: text="done"]]`,
    provider: 'local',
    toolsets: ['workspace' as const],
  }));

/**
 * Kills a worker that runs all tasks, beside a worker that could run them. Expects that they start again within 5 s, and
 * resolves with how long they waited.
 */
async function killOne(prepare: (deployment: Deployment) => Promise<void>): Promise<number> {
  const pace = watchSlowness();
  const deployment = await aDeployment();
  const { producer, simulator, startWorker, outcomesOf } = deployment;
  const victim = await startWorkerProcess(deployment, { name: 'victim' });
  const inFlight = turnsReached(simulator, 1, TASKS);
  const { batch_id } = await producer.enqueue({ tasks: hanging(TASKS), priority: 7 });
  await inFlight;
  await startWorker({ name: 'heir' });
  await prepare(deployment);
  victim.process.kill('SIGKILL');
  const tookMs = await askedAgain(deployment, TASKS);
  expect(tookMs).toBeLessThan(pace.allow(5_000));
  expect((await producer.settled(batch_id)).counts.succeeded).toBe(TASKS);
  for (const { attempts, cleanup, calls_possibly_paid_twice } of await outcomesOf(batch_id)) {
    expect(attempts.map(({ worker, ended }) => [worker, ended])).toEqual([
      ['victim', 'lost'],
      ['heir', 'succeeded'],
    ]);
    expect([calls_possibly_paid_twice, cleanup.open]).toEqual([1, 0]);
  }
  return tookMs;
}

test(
  'the tasks of a killed worker run again within seconds, with a lock of a minute',
  async () => {
    const figures: number[] = [];
    for (let kill = 0; kill < KILLS; kill++) figures.push(await killOne(async () => undefined));
    expect(figures).toHaveLength(KILLS);
    if (KILLS > 1)
      process.stdout.write(`running again after: ${figures.map((ms) => `${(ms / 1000).toFixed(2)} s`).join(', ')}\n`);
  },
  60_000 * KILLS,
);

test('the tasks of a killed worker of an earlier version run again within seconds', async () => {
  await killOne(async ({ prefix }) => {
    const victim = (await storedIn(prefix).instances()).find((instance) => instance.startsWith('victim.'));
    expect(await givenIn(prefix).noTakers(victim ?? '')).toBe(true);
  });
});
