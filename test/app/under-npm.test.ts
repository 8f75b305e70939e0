import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, inject, onTestFinished, test } from 'vitest';
import { startSimulator } from '../../src/entries/simulator.ts';
import { root } from '../helpers/pages.ts';
import { freshPrefix, redisUrl } from '../helpers/redis.ts';
import { aFolder, follow, type Running, start } from './run-cli.ts';

const batch = JSON.stringify([{ goal: 'hang [[sim: hang=stream]]', provider: 'openai' }]);

/** A package of a user, with Errand installed and two scripts that start a worker. */
async function aPackage() {
  const simulator = await startSimulator();
  onTestFinished(() => simulator.close());
  const openai = { wire: 'responses', base_url: `${simulator.url}/v1`, credential: 'none', default_model: 'm' };
  const folder = aFolder({
    'batch.json': batch,
    'errand.config.yaml': JSON.stringify({ providers: { openai }, worker: { health_port: 0, drain_grace_ms: 200 } }),
    'package.json': JSON.stringify({ scripts: { worker: 'errand worker', exec: 'exec errand worker' } }),
  });
  const bin = join(folder, 'node_modules/.bin');
  mkdirSync(bin, { recursive: true });
  writeFileSync(join(bin, 'errand'), `#!/bin/sh\nexec '${process.execPath}' '${root}/src/cli.ts' "$@"\n`);
  chmodSync(join(bin, 'errand'), 0o755);
  const env = {
    REDIS_URL: redisUrl(),
    ERRAND_PREFIX: freshPrefix(),
    ERRAND_CONFIG: join(folder, 'errand.config.yaml'),
    ERRAND_WORKSPACE_ROOT: join(folder, 'workspaces'),
  };
  const called = new Promise((resolve) => simulator.onRequest(resolve));
  /** Starts the command in a process group of its own and resolves once its worker runs a task. */
  const runs = async (command: string, args: string[], cwd = folder): Promise<Running> => {
    const npm = { PATH: `${inject('path')}`, HOME: folder, npm_config_update_notifier: 'false', ...env };
    const child = spawn(command, args, { cwd, env: npm, detached: true });
    onTestFinished(() => {
      try {
        process.kill(-Number(child.pid), 'SIGKILL');
      } catch {
        // Everything in the group has ended.
      }
    });
    const running = follow(child);
    await running.says(/worker started/);
    await start(['enqueue', 'batch.json'], folder, env).ended;
    await called;
    return running;
  };
  /** What the lane of the task looks like. */
  const lane = async () => (await start(['doctor'], folder, env).ended).out.match(/lane openai .*/)?.[0];
  return { folder, runs, lane };
}

const handedBack = expect.stringContaining('1 waiting, 0 running, 0 workers');

test.each([
  ['npm run errand -- worker, in a clone', 'npm', ['run', 'errand', '--', 'worker'], root],
  ['npm run with "exec errand worker"', 'npm', ['run', 'exec'], undefined],
  ["npx -c 'exec errand worker'", 'npx', ['-c', 'exec errand worker'], undefined],
])('SIGTERM to %s: it drains, and npm ends after it', async (_title, command, args, cwd) => {
  const { runs, lane } = await aPackage();
  const running = await runs(command, args, cwd);
  running.process.kill('SIGTERM');
  const { code, out } = await running.ended;
  expect([code, out]).toEqual([0, expect.stringMatching(/"why":"SIGTERM".*\n.*"draining"[\s\S]*"drained"/)]);
  expect(await lane()).toEqual(handedBack);
});

test.each([
  ['npm run with "errand worker"', 'npm', ['run', 'worker']],
  ['npx errand worker', 'npx', ['errand', 'worker']],
  ['node --run', process.execPath, ['--run', 'worker']],
])('SIGTERM to %s, which does not pass it on: the worker drains', async (_title, command, args) => {
  const { runs, lane } = await aPackage();
  const running = await runs(command, args);
  running.process.kill('SIGTERM');
  const { out } = await running.ended;
  expect(out).toMatch(/"why":"the process that started this one has ended"[\s\S]*"drained"/);
  expect(await lane()).toEqual(handedBack);
});

test('two quick presses of Ctrl-C under npm: the worker drains once', async () => {
  const { runs, lane } = await aPackage();
  const running = await runs('script', ['-qec', 'npm run exec', '/dev/null']);
  running.process.stdin?.write('\x03\x03');
  const { out } = await running.ended;
  expect(out).toContain('drained');
  expect(await lane()).toEqual(handedBack);
});

test('a terminal that is closed: the worker under npm drains', async () => {
  const { runs, lane } = await aPackage();
  const running = await runs('script', ['-qec', 'npm run worker', '/dev/null']);
  running.process.kill('SIGKILL');
  await once(running.process, 'exit');
  await expect.poll(lane, { interval: 500 }).toEqual(handedBack);
});

test('a worker that setsid detached outlives the script that started it', async () => {
  const { runs, folder, lane } = await aPackage();
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ scripts: { detached: 'setsid errand worker & cat' } }));
  const running = await runs('npm', ['run', 'detached']);
  const [, pid] = await running.says(/"worker":"[^"]*-(\d+)"/);
  onTestFinished(() => void process.kill(Number(pid), 'SIGKILL'));
  running.process.kill('SIGTERM');
  await once(running.process, 'exit');
  // Nothing happens here, so there is nothing to wait for: this is three looks of a worker that was not detached.
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  expect(await lane()).toContain('1 running, 1 worker');
});
