import { expect, onTestFinished, test } from 'vitest';
import { composeBoard } from '../../src/app/compose-board.ts';
import { composeProducer } from '../../src/app/compose-producer.ts';
import { loadConfig } from '../../src/app/config.ts';
import { secretsIn } from '../../src/credentials/secrets.ts';
import type { Producer } from '../../src/producer/producer.ts';
import { BATCH_QUEUE, laneOf } from '../../src/queue/names.ts';
import { COMMANDS, REDIS_ROLES, type RedisRole, rightsOf } from '../../src/redis/rights.ts';
import { identifyWorker } from '../../src/worker/holding/identity.ts';
import { aFolder, start } from '../app/run-cli.ts';
import { callsOf } from '../dashboards/calls.ts';
import { aDeployment, type Deployment } from '../helpers/deployment.ts';
import { startWorkerProcess } from '../helpers/process.ts';
import { openRedis, storedIn } from '../helpers/redis.ts';
import { startRedisServer } from '../helpers/redis-server.ts';
import { turnsReached } from '../helpers/requests.ts';
import { type Door, monitorRoles, usedBy } from '../helpers/role-monitor.ts';
import { givenIn } from '../records/given.ts';
import { holdElsewhere, openRecords } from '../records/samples.ts';

/** Every user may send these: Redis asks for no right. */
const FREE: ReadonlySet<string> = new Set(['hello', 'auth', 'quit', 'reset']);
/** MONITOR does not show administrative commands. COMMANDSTATS counts them, and only this role may send them. */
const HIDDEN: Partial<Record<RedisRole, string[]>> = { operator: ['client|list'] };
/** A database of its own, so that the commands that select and check it are sent. */
const DATABASE = 1;
const POLL = { interval: 50 };

type Login = { url: string; door: Door };
type Stage = Awaited<ReturnType<typeof aStage>>;

/** A deployment whose roles each have a user with the listed rights only; the default user is off. */
async function aStage() {
  const server = await startRedisServer();
  const url = `redis://admin:secret@127.0.0.1:${server.port}/${DATABASE}`;
  await openRedis(server.url).call('ACL', 'SETUSER', 'admin', 'on', '>secret', '~*', '&*', '+@all');
  const admin = openRedis(url);
  await admin.call('ACL', 'SETUSER', 'default', 'off');
  const monitor = await monitorRoles(url);
  // The doors close after the deployment, whose workers still need them.
  const doors = new Map(await Promise.all(REDIS_ROLES.map(async (role) => [role, await monitor.open(role)] as const)));
  const deployment = await aDeployment({ settings: { redis_url: url } });
  const login = async (role: RedisRole): Promise<Login> => {
    await admin.call('ACL', 'SETUSER', role, 'on', '>pass', ...rightsOf(role, deployment.prefix));
    const door = doors.get(role);
    if (!door) throw new Error(`no door for ${role}`);
    return { door, url: `redis://${role}:pass@127.0.0.1:${door.port}/${DATABASE}` };
  };
  const [worker, producer] = [await login('worker'), await login('producer')];
  const [board, operator] = [await login('board'), await login('operator')];
  const [given, stored] = [givenIn(deployment.prefix, admin), storedIn(deployment.prefix, admin)];
  const records = { given, stored };
  return {
    admin,
    monitor,
    deployment,
    records,
    web: producerOf(deployment, producer),
    worker,
    producer,
    board,
    operator,
  };
}

function producerOf({ environment, settings }: Deployment, { url }: Login): Producer {
  const producer = composeProducer(loadConfig(environment, { ...settings, redis_url: url }), secretsIn({}));
  onTestFinished(() => producer.close());
  return producer;
}

const task = (goal: string, provider = 'local') => ({ goal, provider, toolsets: ['workspace' as const] });

/** A worker is killed while it runs a task. Another worker releases what it held, and runs the task. */
async function killAWorker({ deployment, worker, web }: Stage) {
  const settings = { ...deployment.settings, redis_url: worker.url };
  const victim = await startWorkerProcess({ ...deployment, settings }, { name: 'victim' });
  const inFlight = turnsReached(deployment.simulator, 1, 1);
  const tasks = [task('Dies [[sim: hang=headers times=1]] [[sim: text="done"]]')];
  const { batch_id: batchId } = await web.enqueue({ priority: 7, tasks });
  await inFlight;
  const heir = await deployment.startWorker({ name: 'heir', lock_duration_ms: 4_000 }, { redis_url: worker.url });
  victim.process.kill('SIGKILL');
  expect((await web.settled(batchId)).counts.succeeded).toBe(1);
  expect((await fetch(`${heir.health.url}/metrics`)).status).toBe(200);
  return heir;
}

/** Batches with tries, places and priorities, one in chunks, and one whose records have expired before its jobs. */
async function runBatches({ records, web }: Stage): Promise<string> {
  const tasks = [task('Again [[sim: status=500 times=1]] [[sim: text="done"]]'), task('b'), task('c', 'openai')];
  const batch = { tasks, max_concurrent: 1, priority: 3, idempotency_key: 'order-1' };
  const { batch_id: small } = await web.enqueue(batch);
  await web.settled(small);
  await web.enqueue(batch);
  const { batch_id: large } = await web.enqueue({
    tasks: Array.from({ length: 1_001 }, () => ({ goal: 'x', provider: 'local' })),
  });
  await web.settled(large);
  await records.given.noBatch(small);
  await web.enqueue(batch);
  await web.settled(small);
  return small;
}

/** Opens the board, for a person who may act. */
async function openBoard({ deployment, board: { url } }: Stage) {
  const environment = { ...deployment.environment, ERRAND_BOARD_PASSWORD: 'sesame' };
  const config = loadConfig(environment, { ...deployment.settings, redis_url: url, board: { port: 0 } });
  const { board } = await composeBoard(config, secretsIn(environment));
  onTestFinished(() => board.close());
  const headers = { authorization: `Basic ${btoa('operator:sesame')}` };
  return async (path: string, method = 'GET') => (await fetch(`${board.url}${path}`, { method, headers })).status;
}

/** Every page of the board, and everything that a person may do there; a batch is cancelled while its lane is paused. */
async function actOnBoard(stage: Stage, settled: string): Promise<void> {
  const { admin, deployment, records, web, worker, producer } = stage;
  const ask = await openBoard(stage);
  const lane = `/api/queues/${laneOf('openai')}`;
  expect(await ask(`${lane}/pause`, 'PUT')).toBe(200);
  const running = turnsReached(deployment.simulator, 1, 1);
  const tasks = [task('Slow [[sim: latency_ms=60000]]'), task('Parked'), task('Waits', 'openai')];
  const { batch_id: batchId } = await web.enqueue({ tasks, max_concurrent: 1 });
  await running;
  await expect.poll(() => records.stored.parked(batchId), POLL).toHaveLength(1);
  expect(await ask(`/api/queues/${laneOf('local')}/${batchId}-1/promote`, 'PUT')).toBe(204);
  // The lock of a running task lapses, and its worker takes it again.
  const lock = `${deployment.prefix}:${laneOf('local')}:${batchId}-0:lock`;
  await admin.del(lock);
  await expect.poll(() => admin.exists(lock), POLL).toBe(1);
  expect((await web.status(batchId)).waits_for).toMatchObject([{ reason: 'lane_paused' }]);
  const stop = await web.onEvent(batchId, () => undefined);
  for (const { door } of [worker, producer]) door.cut();
  await web.cancel(batchId, 'enough');
  expect((await web.settled(batchId)).counts.cancelled).toBe(3);
  expect(await Array.fromAsync(web.outcomes(batchId))).toHaveLength(3);
  await stop();
  // The sweep removes the job that waits in the paused lane.
  await expect.poll(() => admin.exists(`${deployment.prefix}:${laneOf('openai')}:${batchId}-2`), POLL).toBe(0);
  expect(await ask(`${lane}/resume`, 'PUT')).toBe(200);
  await failSettling(stage, settled);
  for (const [queue, id] of [
    [BATCH_QUEUE, settled],
    [laneOf('local'), `${settled}-0`],
  ] as const) {
    for (const { method, path } of callsOf(queue, id)) if (method === 'GET') expect(await ask(path)).toBeLessThan(500);
  }
  expect(await ask(`/api/queues/${BATCH_QUEUE}/${settled}/retry`, 'PUT')).toBe(204);
  await web.settled(settled);
}

/** Makes the job of a settled batch one that has failed. */
async function failSettling({ admin, deployment }: Stage, batchId: string): Promise<void> {
  const queue = `${deployment.prefix}:${BATCH_QUEUE}`;
  await admin.zrem(`${queue}:completed`, batchId);
  await admin.zadd(`${queue}:failed`, Date.now(), batchId);
  await admin.hset(`${queue}:${batchId}`, 'failedReason', 'made up');
}

/** A worker of another host holds a row and is silent. The operator lists the row, closes it, and asks the doctor. */
async function actAsOperator({ admin, deployment, operator }: Stage): Promise<void> {
  const { tasks, workers, taskIds, given } = await openRecords({ prefix: deployment.prefix, redis: admin });
  const holder = { ...(await identifyWorker('node-7')), instance: 'node-7.1', host: 'node-7' };
  await workers.register(holder);
  const [taskId = ''] = taskIds;
  await holdElsewhere(tasks, taskId, holder);
  await given.silence(holder.instance, 60_000);
  const env = { REDIS_URL: operator.url, ERRAND_PREFIX: deployment.prefix };
  const run = (...args: string[]) => start(args, aFolder(), env).ended;
  expect((await run('leaks')).out).toContain('node-7');
  expect((await run('leaks', '--close', 'node-7', '--because', 'its node is gone')).code).toBe(0);
  expect((await run('doctor', '--json')).out).not.toContain('"fault"');
}

test('each role runs with its listed rights, and uses every one of them', async () => {
  const stage = await aStage();
  const { admin, deployment, monitor, web, worker } = stage;
  const heir = await killAWorker(stage);
  const settled = await runBatches(stage);
  await actOnBoard(stage, settled);
  await actAsOperator(stage);
  // A drain hands a running task back.
  const inFlight = turnsReached(deployment.simulator, 1, 1);
  const { batch_id: drained } = await web.enqueue({
    tasks: [task('Goes on [[sim: hang=headers times=1]] [[sim: text="done"]]')],
  });
  await inFlight;
  await heir.drain();
  await deployment.startWorker({ name: 'next' }, { redis_url: worker.url });
  expect((await web.settled(drained)).counts.succeeded).toBe(1);

  expect(await admin.call('ACL', 'LOG')).toEqual([]);
  const seen = await monitor.seen();
  const stats = await admin.info('commandstats');
  for (const name of Object.values(HIDDEN).flat()) expect(stats).toContain(`cmdstat_${name}:`);
  const used = REDIS_ROLES.map((role) => {
    const shown = [...usedBy(role, seen)].filter((command) => !FREE.has(command));
    return [role, [...shown, ...(HIDDEN[role] ?? [])].sort()];
  });
  expect(Object.fromEntries(used)).toEqual(COMMANDS);
}, 120_000);
