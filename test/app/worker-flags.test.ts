import { expect, onTestFinished, test } from 'vitest';
import { startSimulator } from '../../src/entries/simulator.ts';
import { freshPrefix, redisUrl } from '../helpers/redis.ts';
import { aFolder, start } from './run-cli.ts';

/** Two providers behind one simulator, and the command line in a folder of its own. */
async function aPlace() {
  const simulator = await startSimulator();
  onTestFinished(() => simulator.close());
  const providerAt = (name: string) => ({
    wire: 'chat',
    base_url: `${simulator.url}/v1`,
    credential: `env:KEY_${name.toUpperCase()}`,
    default_model: name,
  });
  const providers = { one: providerAt('one'), two: providerAt('two') };
  const batch = {
    tasks: [
      { goal: 'First', provider: 'one' },
      { goal: 'Second', provider: 'two' },
    ],
  };
  const folder = aFolder({
    'errand.config.yaml': JSON.stringify({ providers, worker: { health_port: 0 } }),
    'batch.json': JSON.stringify(batch),
  });
  const env = { REDIS_URL: redisUrl(), ERRAND_PREFIX: freshPrefix() };
  return { folder, env, simulator };
}

test('a worker with --only takes its own lanes, with its own key', async () => {
  const { folder, env, simulator } = await aPlace();
  const one = start(['worker', '--only', 'one', '--concurrency', '20'], folder, {
    ...env,
    KEY_ONE: 'sk-one-0123456789',
  });
  await one.says(/"lanes":\["one"\],"concurrency":20/);
  const enqueueing = start(['enqueue', 'batch.json', '--json'], folder, env);
  const enqueued = await enqueueing.ended;
  expect(enqueued.code).toBe(0);
  expect(enqueued.out + enqueued.err).toContain('two');
  const { batch_id } = JSON.parse(enqueued.out);
  const status = async () => JSON.parse((await start(['status', batch_id, '--json'], folder, env).ended).out);
  await expect.poll(async () => (await status()).ended).toBe(1);
  expect(simulator.requests().map(({ model }) => model)).toEqual(['one']);
  const two = start(['worker', '--only', 'two'], folder, { ...env, KEY_TWO: 'sk-two-0123456789' });
  await expect.poll(async () => (await status()).status).toBe('settled');
  expect((await status()).summary.counts).toMatchObject({ succeeded: 2 });
  for (const worker of [one, two]) {
    worker.process.kill('SIGTERM');
    expect((await worker.ended).code).toBe(0);
  }
});

test.each([
  [['--only', 'one,three'], 'expected one or more of anthropic, one, openai, two, separated by commas; got "three"'],
  [['--only', 'one,one'], 'got "one" twice'],
  [['--concurrency', '0'], 'expected a whole number from 1 to 5000, got "0"'],
  [['--concurrency', '2.5'], 'expected a whole number from 1 to 5000, got "2.5"'],
])('worker %j is refused by name', async (flags, message) => {
  const { folder, env } = await aPlace();
  const { code, err } = await start(['worker', ...flags], folder, env).ended;
  expect(code).toBe(2);
  expect(err).toContain('USAGE_INVALID');
  expect(err).toContain(message);
});
