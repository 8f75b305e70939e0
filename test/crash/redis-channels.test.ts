import { expect, test } from 'vitest';
import { composeProducer } from '../../src/app/compose-producer.ts';
import { loadConfig } from '../../src/app/config.ts';
import { secretsIn } from '../../src/credentials/secrets.ts';
import { rightsOf } from '../../src/redis/rights.ts';
import { aDeployment } from '../helpers/deployment.ts';
import { freshPrefix, openRedis, storedIn } from '../helpers/redis.ts';
import { startRedisServer } from '../helpers/redis-server.ts';
import { turnsReached } from '../helpers/requests.ts';
import { readiness } from '../helpers/worker-in-trouble.ts';

const POLL = { interval: 50 };

/** A deployment, and a user `app` that has the rights of a role. */
async function aDeploymentWithUser(role: 'worker' | 'producer') {
  const { url, port } = await startRedisServer();
  const [prefix, admin] = [freshPrefix(), openRedis(url)];
  const setUser = (...rights: string[]) => admin.call('ACL', 'SETUSER', 'app', ...rights);
  await setUser('on', '>pass', ...rightsOf(role, prefix));
  const deployment = await aDeployment({ prefix, settings: { redis_url: url } });
  return { admin, setUser, deployment, channel: `&${prefix}:*`, url: `redis://app:pass@127.0.0.1:${port}` };
}

test('a worker that loses its channels warns once, polls for cancels, and recovers', async () => {
  const { admin, setUser, deployment, channel, url } = await aDeploymentWithUser('worker');
  const { producer, simulator, logs, prefix } = deployment;
  const lines = () =>
    logs
      .join('')
      .split('\n')
      .filter((line) => line.includes('"channels":'))
      .map((line) => JSON.parse(line));
  const worker = await deployment.startWorker({}, { redis_url: url });
  const running = turnsReached(simulator, 1, 1);
  const { batch_id: batchId } = await producer.enqueue({
    tasks: [{ goal: '[[sim: latency_ms=60000]]', provider: 'local' }],
  });
  await running;
  await setUser('resetchannels'); // Redis closes the connections that listen
  const denials = () => admin.call('ACL', 'LOG').then((entries) => JSON.stringify(entries));
  await expect.poll(lines, POLL).toHaveLength(1);
  expect(lines()[0]).toMatchObject({
    channels: 'refused',
    code: 'REDIS_DENIED',
    remedy: expect.stringContaining(`ACL SETUSER app '${channel}'.`),
  });
  expect(await readiness(worker)).toBe('200 ready');
  await producer.cancel(batchId);
  expect((await producer.settled(batchId)).counts.cancelled).toBe(1);
  await expect.poll(denials, POLL).toMatch(/"count",(?:[3-9]|\d\d)/); // it tries again
  await setUser(channel);
  await expect.poll(() => storedIn(prefix, admin).listeners(), POLL).toBe(1);
  await expect.poll(lines, POLL).toMatchObject([{ channels: 'refused' }, { channels: 'ok' }]);
});

test('a producer that loses its channels reports it once, and hears events again', async () => {
  const { admin, setUser, deployment, channel, url } = await aDeploymentWithUser('producer');
  const { environment, settings } = deployment;
  const errors: Error[] = [];
  const config = loadConfig(environment, { ...settings, redis_url: url });
  const producer = composeProducer(config, secretsIn({}), (error) => errors.push(error));
  const { batch_id: batchId } = await producer.enqueue({
    tasks: [{ goal: '[[sim: text="done"]]', provider: 'local' }],
  });
  const events: string[] = [];
  await producer.onEvent(batchId, ({ event }) => events.push(event));
  await setUser('resetchannels');
  const denied = () => errors.filter((error) => 'code' in error && error.code === 'REDIS_DENIED');
  await expect.poll(denied, POLL).toHaveLength(1);
  await setUser(channel);
  await expect.poll(() => storedIn(deployment.prefix, admin).listeners(batchId), POLL).toBe(1);
  await deployment.startWorker();
  await expect.poll(() => events, POLL).toContain('batch_settled');
  expect(denied()).toHaveLength(1);
  await producer.close();
});
