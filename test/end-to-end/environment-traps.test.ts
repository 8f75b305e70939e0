import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test, vi } from 'vitest';
import { aDeployment } from '../helpers/deployment.ts';

test('nothing an SDK reads from the environment reaches a trap or a header [B66]', async () => {
  const trapped: string[] = [];
  const trap = createServer((request, response) => {
    trapped.push(`${request.method} ${request.url}`);
    response.end('{}');
  });
  await new Promise<void>((resolve) => trap.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => new Promise((done) => trap.close(() => done())));
  const url = `http://127.0.0.1:${(trap.address() as AddressInfo).port}`;
  const traps = {
    OPENAI_BASE_URL: url,
    OPENAI_API_KEY: 'trap-openai-key',
    OPENAI_ADMIN_KEY: 'trap-admin-key',
    OPENAI_ORG_ID: 'trap-org',
    OPENAI_PROJECT_ID: 'trap-project',
    OPENAI_CUSTOM_HEADERS: 'x-trap: trap-header',
    ANTHROPIC_BASE_URL: url,
    ANTHROPIC_API_KEY: 'trap-anthropic-key',
    ANTHROPIC_AUTH_TOKEN: 'trap-anthropic-token',
    ANTHROPIC_CUSTOM_HEADERS: 'x-trap: trap-header',
    HTTP_PROXY: url,
    HTTPS_PROXY: url,
  };
  for (const [name, value] of Object.entries(traps)) vi.stubEnv(name, value);
  onTestFinished(() => {
    vi.unstubAllEnvs();
  });
  const { producer, startWorker, simulator } = await aDeployment({ environment: traps });
  await startWorker();
  const { batch_id } = await producer.enqueue({
    tasks: ['openai', 'anthropic', 'local'].map((provider) => ({ goal: `Ask ${provider} something`, provider })),
  });
  const summary = await producer.settled(batch_id);
  expect(summary.counts.succeeded).toBe(3);
  expect(trapped).toEqual([]);
  expect(JSON.stringify(simulator.requests())).not.toContain('trap');
});
