import { expect, test, vi } from 'vitest';
import { aDeployment } from '../helpers/deployment.ts';
import { requestsIn } from '../helpers/requests.ts';

const NAME = 'models.moved.example';

/** How often the name was looked up, and the address that it has. Only this name resolves differently from the system. */
const dns = await vi.hoisted(async () => {
  const { default: real } = await import('node:dns');
  const { syncBuiltinESMExports } = await import('node:module');
  const record = { lookups: 0, address: '169.254.169.254' };
  const system = real.lookup;
  const lookup = (hostname: string, options: object, callback: (...found: unknown[]) => void) => {
    if (hostname !== 'models.moved.example') return system(hostname, options, callback);
    record.lookups += 1;
    setImmediate(() => callback(null, [{ address: record.address, family: 4 }]));
  };
  Object.assign(real, { lookup });
  syncBuiltinESMExports();
  return record;
});

async function aMovedDeployment() {
  // A try that comes back within milliseconds may meet the run before it, which then counts as a lost lock.
  const deployment = await aDeployment({ settings: { tasks: { backoff_ms: 500 } } });
  const base_url = `${deployment.simulator.url.replace('127.0.0.1', NAME)}/acme/v1`;
  const { acme } = deployment.settings.providers as Record<string, object>;
  Object.assign(acme ?? {}, { base_url, credential: 'none' });
  dns.lookups = 0;
  return deployment;
}

test('a provider that resolves to a metadata address costs its tasks their tries only', async () => {
  dns.address = '169.254.169.254';
  const { producer, startWorker, outcomesOf, simulator } = await aMovedDeployment();
  await startWorker();
  const { batch_id: batchId } = await producer.enqueue({
    tasks: [
      { goal: 'Say hello', provider: 'acme' },
      { goal: 'Say hello', provider: 'local' },
    ],
  });
  await producer.settled(batchId);
  const [moved, local] = await outcomesOf(batchId);
  expect(moved).toMatchObject({
    status: 'failed',
    failure: {
      code: 'PROVIDER_ADDRESS_REFUSED',
      message: expect.stringContaining(`"${NAME}" resolves to 169.254.169.254, a metadata address`),
      remedy: expect.stringContaining('providers.acme.allow_link_local: true'),
    },
    cost_usd: 0,
    calls_possibly_paid_twice: 0,
  });
  expect(moved?.attempts).toHaveLength(3);
  expect(dns.lookups).toBe(3);
  expect(local?.status).toBe('succeeded');
  expect(simulator.requests()).toHaveLength(1);
});

test('a task goes on once the name of its provider resolves to a good address again', async () => {
  dns.address = '169.254.169.254';
  const { producer, startWorker, outcomesOf, simulator } = await aMovedDeployment();
  await startWorker();
  const asked = requestsIn(simulator, 'received', 1);
  const { batch_id: batchId } = await producer.enqueue({ tasks: [{ goal: 'Say hello', provider: 'acme' }] });
  await expect.poll(() => dns.lookups).toBeGreaterThan(0);
  dns.address = '127.0.0.1';
  await asked;
  await producer.settled(batchId);
  const [outcome] = await outcomesOf(batchId);
  expect(outcome).toMatchObject({ status: 'succeeded', attempts: expect.arrayContaining([expect.anything()]) });
  expect(outcome?.attempts[0]?.failure?.code).toBe('PROVIDER_ADDRESS_REFUSED');
});
