import { expect, onTestFinished, test } from 'vitest';
import { taskIdOf } from '../../src/base/ids.ts';
import { openHttpServer } from '../../src/contract/http-server.ts';
import { aDeployment } from '../helpers/deployment.ts';
import { startWorkerProcess } from '../helpers/process.ts';

test('a POST in flight at kill -9 is sent once, and is unknown to the child', async () => {
  const heard: (string | undefined)[] = [];
  const arrived = Promise.withResolvers<void>();
  const shop = await openHttpServer(
    ({ method, headers }) => {
      heard.push(`${method} ${headers['idempotency-key']}`);
      arrived.resolve();
    },
    { host: '127.0.0.1', port: 0, what: 'the shop', settings: { host: 'host', port: 'port' } },
  );
  onTestFinished(() => shop.close());
  const settings = { http: { allow: [`${shop.url}/orders`], private_addresses: ['127.0.0.1/32'] } };
  const deployment = await aDeployment({ settings });
  const { producer, simulator, startWorker, outcomesOf } = deployment;
  const doomed = await startWorkerProcess(deployment, { name: 'doomed' });
  const args = JSON.stringify({ url: `${shop.url}/orders`, body: '{}' });
  const goal = `Order it. [[sim: tool=http_post args=${args}]] [[sim: text="done"]]`;
  const { batch_id } = await producer.enqueue({ goal, provider: 'local', toolsets: ['http'] });
  await arrived.promise;
  doomed.process.kill('SIGKILL');
  await doomed.exited;

  await startWorker({ name: 'heir' });
  await producer.settled(batch_id);
  expect(await outcomesOf(batch_id)).toMatchObject([
    { status: 'succeeded', interrupted_effects: [{ tool: 'http_post' }], attempts: [{ ended: 'lost' }, {}] },
  ]);
  expect(heard).toEqual([`POST ${taskIdOf(batch_id, 0)}/1.1`]);
  expect(simulator.requests().at(-1)?.body).toContain('Outcome unknown');
});
