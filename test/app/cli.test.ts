import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { sleep } from '../../src/base/clock.ts';
import { startSimulator } from '../../src/entries/simulator.ts';
import { freshPrefix, keysOf, redisUrl } from '../helpers/redis.ts';
import { aFolder, type Ended, start } from './run-cli.ts';

/** How long a second signal is taken for the first. */
const SAME_PRESS_MS = 500;
const NOWHERE = 'redis://127.0.0.1:1';

/** A deployment of its own: a simulator behind `openai`, a folder with the configuration, and the command line in it. */
async function aDeployment(files: Record<string, string> = {}) {
  const simulator = await startSimulator();
  const openai = {
    wire: 'responses',
    base_url: `${simulator.url}/v1`,
    credential: 'env:KEY',
    default_model: 'gpt-5.6-sol',
  };
  const config = JSON.stringify({ providers: { openai }, tasks: { tries: 1 }, worker: { health_port: 0 } });
  const folder = aFolder({ 'errand.config.yaml': config, ...files });
  const prefix = freshPrefix();
  const env = { REDIS_URL: redisUrl(), ERRAND_PREFIX: prefix, KEY: 'sk-simulated' };
  const command = (...args: string[]) => start(args, folder, env);
  const errand = (...args: string[]): Promise<Ended> => command(...args).ended;
  return { simulator, folder, prefix, env, command, errand };
}

const succeeding = JSON.stringify([{ goal: 'say hi', provider: 'openai', reasoning_effort: 'high' }]);
const failing = JSON.stringify({
  admission: 'task',
  tasks: [
    { goal: 'say hi', provider: 'openai' },
    { goal: 'fail', provider: 'anthropic' },
  ],
});

test('enqueues, waits, and ends with 0 if all succeeded, else with 1 [B58] [B132]', async () => {
  const { command, errand } = await aDeployment({ 'good.json': succeeding, 'bad.json': failing });
  const worker = command('worker');
  await worker.says(/worker started/);

  const good = await errand('enqueue', 'good.json', '--wait');
  expect(good.code).toBe(0);
  expect(good.err).toContain('#0 say hi: succeeded\n');
  expect(good.out).toMatch(/\n\n#0 say hi\n {3}\S.*\n$/);
  expect(good.out).toMatch(/#0 say hi +openai\/gpt-5\.6-sol +high +succeeded +1 /);

  const bad = await errand('enqueue', 'bad.json', '--wait', '--json');
  expect(bad.code).toBe(1);
  expect(bad.err).toContain('#1 fail: failed (CREDENTIAL_MISSING)\n');
  const summary = JSON.parse(bad.out);
  expect(summary.counts).toEqual({ succeeded: 1, failed: 1, rejected: 0, cancelled: 0 });

  const status = await errand('status', summary.batch_id);
  expect(status).toMatchObject({ code: 1, out: expect.stringMatching(/settled\n.*2: 1 succeeded, 1 failed/) });
  expect(status.out).toMatch(/#1 CREDENTIAL_MISSING: .*[^.]\. Set /);
  const failed = await errand('outcomes', summary.batch_id, '--failed', '--json');
  expect(failed.code).toBe(1);
  expect(
    failed.out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).index),
  ).toEqual([1]);

  worker.process.kill('SIGTERM');
  expect(await worker.ended).toMatchObject({ code: 0, out: expect.stringContaining('"msg":"drained"') });
});

test('--version tells the version of the package, and a worker logs it', async () => {
  const { version } = JSON.parse(readFileSync(join(import.meta.dirname, '..', '..', 'package.json'), 'utf8'));
  const { command, errand } = await aDeployment();
  expect(await errand('--version')).toEqual({ code: 0, out: `${version}\n`, err: '' });
  const [, logged] = await command('worker').says(/"version":"(.*?)".*worker started/);
  expect(logged).toBe(version);
});

test('cancel stops waiting tasks, aborts running ones and reports those that ended', async () => {
  const waits = JSON.stringify({
    max_concurrent: 1,
    defaults: { provider: 'openai' },
    tasks: [{ goal: 'hang [[sim: hang=stream]]' }, { goal: 'never start' }],
  });
  const { simulator, command, errand } = await aDeployment({ 'batch.json': waits });
  const called = new Promise((resolve) => simulator.onRequest(resolve));
  const worker = command('worker');
  await worker.says(/worker started/);
  const waiting = command('enqueue', 'batch.json', '--wait', '--json');
  const [, batchId = ''] = await waiting.says(/batch (\w+): 2 tasks/);
  await called;

  const cancelled = await errand('cancel', batchId, '--reason', 'changed my mind');
  expect(cancelled).toMatchObject({ code: 0, out: expect.stringContaining(`${batchId} is cancelled`) });
  const { code, out } = await waiting.ended;
  expect([code, JSON.parse(out).counts.cancelled]).toEqual([1, 2]);
  expect(simulator.requests()).toHaveLength(1);

  const outcomes = await errand('outcomes', batchId);
  expect(outcomes.out).toContain('ATTEMPT_CANCELLED: cancelled: changed my mind');
  const again = await errand('cancel', batchId, '--json');
  expect([again.code, JSON.parse(again.out)]).toEqual([0, { id: batchId, status: 'settled' }]);
});

test('a worker takes a doubled Ctrl-C for one, and ends with 130 at the next one', async () => {
  const hang = JSON.stringify([{ goal: 'hang [[sim: hang=stream]]', provider: 'openai' }]);
  const { simulator, command, errand } = await aDeployment({ 'batch.json': hang });
  const called = new Promise((resolve) => simulator.onRequest(resolve));
  const worker = command('worker');
  await worker.says(/worker started/);
  await errand('enqueue', 'batch.json');
  await called;
  worker.process.kill('SIGINT');
  worker.process.kill('SIGINT');
  await worker.says(/"msg":"draining"/);
  await sleep(SAME_PRESS_MS + 100); // the length of this pause is what is tested
  worker.process.kill('SIGINT');
  const { code, out } = await worker.ended;
  expect([code, out.includes('"msg":"drained"')]).toEqual([130, false]);
});

test('Ctrl-C ends the waiting with 130, and the batch goes on [B107]', async () => {
  const { command, errand } = await aDeployment({ 'batch.json': succeeding });
  const waiting = command('enqueue', 'batch.json', '--wait');
  const [, batchId = ''] = await waiting.says(/batch (\w+): 1 task$/m);
  waiting.process.kill('SIGINT');
  expect(await waiting.ended).toMatchObject({ code: 130, err: expect.stringContaining(`errand status ${batchId}`) });
  const { code, out } = await errand('status', batchId, '--json');
  expect([code, JSON.parse(out).status]).toEqual([0, 'running']);
});

test('routes prints the route and the effort of each task, and enqueues nothing', async () => {
  const batch = 'defaults: { provider: openai }\ntasks:\n  - goal: a\n    reasoning_effort: minimal\n  - goal: b\n';
  const { errand, prefix } = await aDeployment({ 'batch.yaml': batch });
  const { code, out } = await errand('routes', 'batch.yaml');
  expect(code).toBe(0);
  expect(out).toMatch(/#0 .*openai \(defaults\) +gpt-5\.6-sol \(provider\) +minimal → none \(task\)/);
  expect(out).toMatch(/#1 .*default\n/);
  expect(await keysOf(prefix)).toEqual([]);
});

test('routes names every task whose effort a strict provider refuses', async () => {
  const acme = { wire: 'chat', base_url: 'https://llm.example/v1', credential: 'none', default_model: 'm' };
  const providers = { acme: { ...acme, effort_policy: 'strict', efforts: { m: ['low'] } } };
  const tasks = ['low', 'max', 'high'].map((reasoning_effort) => ({ goal: 'a', provider: 'acme', reasoning_effort }));
  const folder = aFolder({ 'batch.json': JSON.stringify(tasks) });
  const { code, out, err } = await start(['routes', 'batch.json'], folder, {
    ERRAND_PROVIDERS: JSON.stringify(providers),
  }).ended;
  expect([code, out]).toEqual([2, '']);
  expect(err).toMatch(/^ROUTE_UNSUPPORTED: .*\n {2}tasks\[1\]\.reasoning_effort: .*"max".*\n {2}tasks\[2\]\..*"high"/);
});

test('says of a batch that was enqueued before that nothing was enqueued again', async () => {
  const keyed = JSON.stringify({ goal: 'a', provider: 'openai', idempotency_key: 'k' });
  const { errand } = await aDeployment({ 'batch.json': keyed });
  const [first, second] = [await errand('enqueue', 'batch.json'), await errand('enqueue', 'batch.json')];
  expect(first.err).toMatch(/^1 task enqueued\. /m);
  expect(second.err).toMatch(
    /already exists with this idempotency key: nothing was enqueued again\nTo follow the batch: errand status /,
  );
  expect([second.code, second.out]).toEqual([0, first.out]);
});

test('cancels for its own reason where the one that is given is blank', async () => {
  const { errand } = await aDeployment({ 'batch.json': succeeding });
  const batchId = (await errand('enqueue', 'batch.json')).out.trim();
  await errand('cancel', batchId, '--reason', ' ');
  const { cancel } = JSON.parse((await errand('status', batchId, '--json')).out);
  expect(cancel.reason).toBe('cancelled from the command line');
});

test.each(['300.1.1.1', '192.0.2.1'])('refuses a simulator at %s, which is not here', async (host) => {
  const { code, err } = await start(['simulator', '--host', host, '--port', '0'], aFolder(), {}).ended;
  expect([code, err]).toEqual([2, expect.stringContaining(`cannot listen at ${host}:0`)]);
});

test('reads a batch from standard input', async () => {
  const { folder, env } = await aDeployment();
  const lines = '{"batch":{"defaults":{"provider":"openai"}}}\n{"goal":"a"}\n{"goal":"b"}\n';
  const { code, out } = await start(['routes', '-', '--json'], folder, env, lines).ended;
  expect([code, out.trim().split('\n').length]).toEqual([0, 2]);
});

test.each([
  [
    'a batch with problems, all of them named',
    ['enqueue', 'bad.json'],
    /^BATCH_INVALID: .*\n {2}tasks\[0\]\.goal: .*\n {2}tasks\[0\]\.provider: .*\n {2}tasks\[1\]\.nonsense: /,
  ],
  ['a malformed line, by its number', ['enqueue', 'bad.jsonl'], /^BATCH_INVALID: bad\.jsonl: is not JSON: .* line 2,/],
  [
    'a file that is not there',
    ['enqueue', 'absent.json'],
    /^FILE_NOT_FOUND: there is no file absent\.json\n {2}Correct the name/,
  ],
  ['a batch without a record', ['status', 'nonsense'], /^NOT_FOUND: no batch or task with id "nonsense"/],
  [
    'a flag nobody knows',
    ['status', 'x', '--nonsense'],
    /^USAGE_INVALID: unknown option '--nonsense'\n {2}See the options: errand status --help\n$/,
  ],
])('refuses %s, with 2', async (_title, args, message) => {
  const bad = '[{"goal": ""}, {"goal": "b", "nonsense": 1}]';
  const { errand, prefix } = await aDeployment({ 'bad.json': bad, 'bad.jsonl': '{"goal":"a"}\n{"goal":\n' });
  const { code, out, err } = await errand(...args);
  expect([code, out]).toEqual([2, '']);
  expect(err).toMatch(message);
  expect(await keysOf(prefix)).toEqual([]);
});

test('ends with 3 within seconds where Redis is away', async () => {
  const folder = aFolder({ 'batch.json': succeeding });
  const commands = [['enqueue', 'batch.json'], ['status', `b${'0'.repeat(21)}`], ['doctor'], ['up']];
  const startedAt = performance.now();
  const ends = await Promise.all(commands.map((args) => start(args, folder, { REDIS_URL: NOWHERE }).ended));
  expect(ends.map(({ code }) => code)).toEqual([3, 3, 3, 3]);
  expect(ends[0]?.err).toMatch(/^REDIS_UNAVAILABLE: Redis at 127\.0\.0\.1:1 is not available/);
  expect(ends[2]?.out).toMatch(/redis +fault +Redis at 127\.0\.0\.1:1/);
  expect(performance.now() - startedAt).toBeLessThan(20_000);
});

test('a worker waits for its Redis, and ends with 0 when it is told to stop', async () => {
  const worker = start(['worker'], aFolder(), { REDIS_URL: NOWHERE, ERRAND_HEALTH_PORT: '0' });
  await worker.says(/waiting for it/);
  worker.process.kill('SIGTERM');
  expect((await worker.ended).code).toBe(0);
});

test('doctor finds a lane without a worker and names providers without a credential', async () => {
  const { errand } = await aDeployment({ 'batch.json': succeeding });
  const before = await errand('doctor');
  expect(before.out).toMatch(/lane openai +warning +no worker/);
  expect(before.out).toContain('ANTHROPIC_API_KEY is not set.');
  expect(before.out).not.toContain('sk-simulated');
  await errand('enqueue', 'batch.json');
  const { code, out } = await errand('doctor', '--json');
  const faults = JSON.parse(out).findings.filter(({ status }: { status: string }) => status === 'fault');
  expect([before.code, code]).toEqual([0, 2]);
  expect(faults).toEqual([
    expect.objectContaining({ check: 'lane openai', remedy: expect.stringContaining('worker') }),
  ]);
});

test('doctor says what keeps a worker from making its workspaces', async () => {
  const { folder, env } = await aDeployment({ 'a-file': '' });
  const at = (root: string) => start(['doctor', '--json'], folder, { ...env, ERRAND_WORKSPACE_ROOT: root }).ended;
  const findingIn = ({ out }: Ended) =>
    JSON.parse(out).findings.find(({ check }: { check: string }) => check === 'worker workspaces');
  expect(findingIn(await at('not/there/yet'))).toMatchObject({ status: 'ok' });
  expect(findingIn(await at('a-file/below'))).toMatchObject({
    status: 'warning',
    message: expect.stringContaining('ENOTDIR'),
    remedy: expect.stringContaining('worker.workspace_root'),
  });
});

test.each(['board', 'simulator'])('%s serves until it is told to stop', async (name) => {
  const { folder, env } = await aDeployment();
  const args = name === 'simulator' ? [name, '--port', '0'] : [name];
  const running = start(args, folder, { ...env, ERRAND_BOARD_PORT: '0' });
  const [, url = ''] = await running.says(new RegExp(`${name} at (http://\\S+)`));
  const health = name === 'simulator' ? '/_sim/health' : '/healthz';
  expect((await fetch(url + health)).status).toBe(200);
  running.process.kill('SIGTERM');
  expect((await running.ended).code).toBe(0);
});

test('says why a batch waits: in receipt, progress, status and doctor', async () => {
  const { command, errand } = await aDeployment({ 'good.json': succeeding });
  const waiting = command('enqueue', 'good.json', '--wait');
  await waiting.says(/warning: no worker is alive: its tasks wait\. Start one: errand worker\./);
  await waiting.says(/^waiting: no worker is alive\. Start one: errand worker\.$/m);
  const [, batchId = ''] = await waiting.says(/batch (b\w{21}): 1 task$/m);
  expect((await errand('status', batchId)).out).toContain(
    '\n  waiting   no worker is alive. Start one: errand worker.',
  );
  const doctor = await errand('doctor');
  expect(doctor.out).toMatch(/lane anthropic +warning +no worker/);
  expect(doctor.out).toMatch(/lane openai +fault +1 waiting/);
  const worker = command('worker');
  await worker.says(/worker started/);
  expect((await waiting.ended).code).toBe(0);
});
