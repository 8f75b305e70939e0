import { once } from 'node:events';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, test } from 'vitest';
import { aDeployment } from '../helpers/deployment.ts';
import { startWorkerProcess } from '../helpers/process.ts';
import { aFolder, start } from './run-cli.ts';

const POLLUTE = pathToFileURL(join(import.meta.dirname, '..', 'fixtures', 'pollute.ts')).href;
const NODE_OPTIONS = `--import=${POLLUTE}`;
const WRITE = '[[sim: tool=write_file args={"path":"a.txt","content":"hi"}]] [[sim: text="written"]]';

/** Tasks on three wires, with tools, a refusal, a limit and a cut stream. */
const TASKS = ['openai', 'anthropic', 'local'].flatMap((provider) => [
  { goal: 'Answer.', provider },
  { goal: `Write a file. ${WRITE}`, provider, toolsets: ['workspace' as const] },
  { goal: 'Think. [[sim: reasoning=hmm]]', provider, reasoning_effort: 'high' as const },
  { goal: 'Meets a limit. [[sim: status=429 retry_after_ms=20 times=1]]', provider },
  { goal: 'Is refused. [[sim: status=400]]', provider },
  { goal: 'Is cut. [[sim: cut=reset after=1 times=1]]', provider },
]);

test('errand worker closes its prototypes, and all its parts work', async () => {
  const { producer, settings, environment, workspaceRoot, outcomesOf } = await aDeployment();
  const worker = { health_port: 0, health_host: '127.0.0.1', workspace_root: workspaceRoot, log_level: 'debug' };
  const folder = aFolder({ 'errand.config.yaml': JSON.stringify({ ...settings, worker }) });
  const env = Object.fromEntries(Object.entries(environment).map(([name, value]) => [name, value ?? '']));
  const running = start(['worker'], folder, { ...env, NODE_OPTIONS });
  const [, url] = await running.says(/"health":"([^"]+)"/);
  running.process.kill('SIGUSR2');
  const [, changed] = await running.says(/polluted: (.*)/);
  expect(changed).toBe('[]');

  const { batch_id } = await producer.enqueue({ tasks: TASKS });
  const summary = await producer.settled(batch_id);
  expect(summary.counts).toEqual({ succeeded: 15, failed: 3, rejected: 0, cancelled: 0 });
  const outcomes = await outcomesOf(batch_id);
  const codes = outcomes.flatMap((outcome) => (outcome.status === 'failed' ? [outcome.failure.code] : []));
  expect(codes).toEqual(['PROVIDER_REFUSED_REQUEST', 'PROVIDER_REFUSED_REQUEST', 'PROVIDER_REFUSED_REQUEST']);
  expect(
    outcomes.filter((outcome) => outcome.status === 'succeeded' && outcome.answer.files.length === 1),
  ).toHaveLength(3);

  const { batch_id: cancelled } = await producer.enqueue({
    goal: 'Hang. [[sim: hang=stream after=1]]',
    provider: 'local',
  });
  await producer.cancel(cancelled, 'enough');
  expect((await producer.settled(cancelled)).counts.cancelled).toBe(1);
  for (const path of ['healthz', 'readyz', 'metrics']) expect((await fetch(`${url}/${path}`)).status).toBe(200);
  running.process.kill('SIGTERM');
  const { code, out } = await running.ended;
  expect(code).toBe(0);
  expect(out).toContain('drained');
  expect(out).not.toContain('TypeError');
});

test('an embedded worker leaves prototypes open; unready while it misreads records', async () => {
  const deployment = await aDeployment();
  const env = { NODE_OPTIONS, POLLUTE: 'a defined field' };
  const { process: child, output } = await startWorkerProcess(deployment, {}, { env });
  const url = /"health":"([^"]+)"/.exec(output())?.[1];
  expect((await fetch(`${url}/readyz`)).status).toBe(200);
  const told = once(child.stderr ?? child, 'data');
  child.kill('SIGUSR2');
  await told;
  expect(output()).toContain('polluted: ["a defined field"]');
  const unready = await fetch(`${url}/readyz`);
  expect(unready.status).toBe(503);
  expect(await unready.text()).toContain('cannot read its own records');
  expect((await fetch(`${url}/healthz`)).status).toBe(200);
});
