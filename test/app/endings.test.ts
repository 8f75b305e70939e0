import { Queue } from 'bullmq';
import { expect, onTestFinished, test } from 'vitest';
import { newBatchId } from '../../src/base/ids.ts';
import { laneOf } from '../../src/queue/names.ts';
import { aDeployment, type Deployment } from '../helpers/deployment.ts';
import { openRedis } from '../helpers/redis.ts';
import { startRedisServer } from '../helpers/redis-server.ts';
import { aFolder, start } from './run-cli.ts';

/** The environment in which the command line belongs to this deployment. */
function variablesOf({ environment, settings, prefix, workspaceRoot }: Deployment): Record<string, string> {
  return {
    ...Object.fromEntries(Object.entries(environment).map(([name, value]) => [name, String(value)])),
    REDIS_URL: String(settings.redis_url),
    ERRAND_PREFIX: prefix,
    ERRAND_PROVIDERS: JSON.stringify(settings.providers),
    ERRAND_HEALTH_HOST: '127.0.0.1',
    ERRAND_HEALTH_PORT: '0',
    ERRAND_DRAIN_GRACE_MS: '0',
    ERRAND_WORKSPACE_ROOT: workspaceRoot,
  };
}

test('a command that waits for its batch ends with 3 where Redis dies meanwhile', async () => {
  const redis = await startRedisServer();
  const deployment = await aDeployment({ settings: { redis_url: redis.url } });
  const folder = aFolder({ 'batch.json': JSON.stringify({ goal: 'Nobody takes it', provider: 'local' }) });
  const waiting = start(['enqueue', 'batch.json', '--wait'], folder, variablesOf(deployment));
  await waiting.says(/b[0-9a-z]{21}/);
  await redis.kill();
  const { code, err } = await waiting.ended;
  expect(err).toContain('REDIS_UNAVAILABLE');
  expect(code).toBe(3);
  await redis.start();
});

test('a worker whose log nobody reads any more hands its tasks back before it goes', async () => {
  const deployment = await aDeployment();
  const { producer, prefix, workspaceRoot } = deployment;
  const worker = start(['worker'], workspaceRoot, { ...variablesOf(deployment), ERRAND_LOG_LEVEL: 'info' });
  await worker.says(/worker started/);
  worker.process.stdout?.destroy();
  await producer.enqueue({ goal: 'Long [[sim: hang=stream after=1 times=1]]', provider: 'local' });
  const { code } = await worker.ended;
  expect(code).toBe(0);
  const lane = new Queue(laneOf('local'), { connection: openRedis(), prefix, skipMetasUpdate: true });
  onTestFinished(() => lane.close());
  const [job] = await lane.getJobs(['waiting', 'prioritized']);
  expect(job).toMatchObject({ attemptsMade: 0, stalledCounter: 0 });
});

test('a worker that stops while Redis is frozen says that it returned no task', async () => {
  const redis = await startRedisServer();
  const deployment = await aDeployment({ settings: { redis_url: redis.url } });
  const leaving = start(['worker'], deployment.workspaceRoot, variablesOf(deployment));
  await leaving.says(/worker started/);
  redis.signal('SIGSTOP');
  await leaving.says(/"redis":"away"/);
  leaving.process.kill('SIGTERM');
  const { code, out } = await leaving.ended;
  expect(code).toBe(3);
  expect(out).toMatch(/"code":"REDIS_UNAVAILABLE".*running tasks were not returned to the queue: Redis is unavailable/);
  redis.signal('SIGCONT');
});

test('everything in one process ends with 3 if Redis died before the stop', async () => {
  const redis = await startRedisServer();
  const folder = aFolder();
  const all = start(['up'], folder, { REDIS_URL: redis.url, ERRAND_BOARD_PORT: '0', ERRAND_DRAIN_GRACE_MS: '0' });
  await all.says(/Serving until Ctrl-C/);
  await redis.kill();
  all.process.kill('SIGTERM');
  const { code, err } = await all.ended;
  expect(code).toBe(3);
  expect(err).toContain('REDIS_UNAVAILABLE: running tasks were not returned to the queue');
});

test.each(['worker', 'status'])('%s says that Redis lets nobody in without a password', async (command) => {
  const redis = await startRedisServer();
  const own = openRedis(redis.url);
  await own.config('SET', 'requirepass', 'open sesame');
  const args = command === 'status' ? [command, newBatchId()] : [command];
  const { code, out, err } = await start(args, aFolder(), { REDIS_URL: redis.url, ERRAND_HEALTH_PORT: '0' }).ended;
  expect((out + err).replaceAll(/\s+/g, ' ')).toMatch(/Redis at .* is not available: .*NOAUTH/);
  expect(code).toBe(3);
});

test.each(['worker', 'doctor', 'enqueue'])('%s refuses a database that Redis does not have', async (command) => {
  const redis = await startRedisServer();
  const folder = aFolder({ 'batch.json': JSON.stringify({ goal: 'Go', provider: 'openai' }) });
  const args = command === 'enqueue' ? [command, 'batch.json'] : [command];
  const variables = { REDIS_URL: `${redis.url}/99`, ERRAND_HEALTH_PORT: '0' };
  const { code, out, err } = await start(args, folder, variables).ended;
  expect(out + err).toContain('REDIS_URL selects database 99, which this server does not have');
  expect(code).toBe(2);
  expect(await openRedis(redis.url).dbsize()).toBe(0);
});

test.each([
  ['is a list', { 'errand.config.yaml': '- a\n' }, 'expected settings by name, got a list'],
  ['is one word', { 'errand.config.yaml': 'hello\n' }, 'expected settings by name, got a string'],
])('a configuration that %s is refused, and not taken for none', async (_, files, message) => {
  const batch = { 'batch.json': JSON.stringify({ goal: 'Go', provider: 'openai' }) };
  const { code, err } = await start(['routes', 'batch.json'], aFolder({ ...files, ...batch }), {}).ended;
  expect(err).toContain(`CONFIG_INVALID: errand.config.yaml: ${message}`);
  expect(code).toBe(2);
});
