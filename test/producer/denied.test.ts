import { expect, test } from 'vitest';
import { composeProducer } from '../../src/app/compose-producer.ts';
import { loadConfig } from '../../src/app/config.ts';
import { secretsIn } from '../../src/credentials/secrets.ts';
import type { ErrandError } from '../../src/errors.ts';
import { COMMANDS } from '../../src/redis/rights.ts';
import { aDeployment } from '../helpers/deployment.ts';
import { openRedis } from '../helpers/redis.ts';
import { startRedisServer } from '../helpers/redis-server.ts';

/** A deployment with a producer whose Redis user has these rights. */
async function aProducerWith(rights: string[]) {
  const { url, port } = await startRedisServer();
  const admin = openRedis(url);
  await admin.call('ACL', 'SETUSER', 'web', 'on', '>pass', '+@all', '~*', '&*', ...rights);
  const deployment = await aDeployment({ settings: { redis_url: url } });
  const settings = { ...deployment.settings, redis_url: `redis://web:pass@127.0.0.1:${port}` };
  return { deployment, admin, producer: composeProducer(loadConfig(deployment.environment, settings), secretsIn({})) };
}

test.each([
  ['channels', ['resetchannels'], /lacks the right to a channel.* ACL SETUSER web '&\{t-\w+\}:\*' /],
  ['the command to publish', ['-publish'], /lacks the right to .* ACL SETUSER web .*\+publish /],
])('cancel by a user without %s: it takes effect and warns with the remedy', async (_title, rights, remedy) => {
  const { deployment, producer } = await aProducerWith(rights);
  const { batch_id: batchId } = await producer.enqueue({ tasks: [{ goal: 'never runs', provider: 'local' }] });
  const cancelling = await producer.cancel(batchId, 'changed my mind');
  expect(cancelling).toMatchObject({ status: 'cancelled', warnings: [expect.stringMatching(remedy)] });
  expect(cancelling).not.toHaveProperty('untold');
  await deployment.startWorker();
  expect((await producer.settled(batchId)).counts.cancelled).toBe(1);
  await producer.close();
});

test('cancel by a user who cannot wake tasks: it takes effect and warns', async () => {
  const { admin, producer } = await aProducerWith([]);
  const { batch_id: batchId } = await producer.enqueue({ tasks: [{ goal: 'never runs', provider: 'local' }] });
  await admin.call('ACL', 'SETUSER', 'web', '-zrange');
  const warnings = [expect.stringMatching(/not woken.* ACL SETUSER web .*\+zrange /)];
  expect(await producer.cancel(batchId)).toMatchObject({ status: 'cancelled', warnings });
  expect(await producer.status(batchId)).toHaveProperty('cancel');
  await producer.close();
});

test.each([
  ['a command', ['-hset'], () => []],
  ['a key', ['resetkeys', '~other:*'], (prefix: string) => [`~${prefix}:*`]],
  ['scripts', ['-eval', '-evalsha'], () => []],
])(
  'enqueue by a user without %s: REDIS_DENIED gives what a producer needs',
  async (_title, rights, patterns: (prefix: string) => string[]) => {
    const { admin, deployment, producer } = await aProducerWith(rights);
    const enqueue = () => producer.enqueue({ tasks: [{ goal: 'never runs', provider: 'local' }] });
    const error = await enqueue().catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'REDIS_DENIED', message: expect.stringContaining('user "web"') });
    const command = /^Run in redis-cli: ACL SETUSER (.*)\.$/.exec((error as ErrandError).remedy)?.[1] ?? '';
    const words = command.split(' ').map((word) => word.replaceAll("'", ''));
    expect(words).toEqual(['web', ...patterns(deployment.prefix), ...COMMANDS.producer.map((name) => `+${name}`)]);
    await admin.call('ACL', 'SETUSER', ...words);
    const { batch_id: batchId } = await enqueue();
    await producer.cancel(batchId);
    await deployment.startWorker();
    await producer.settled(batchId);
    await producer.close();
  },
);
