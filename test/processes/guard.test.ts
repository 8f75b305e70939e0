import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { aTag, compileGuard, untilTagged } from '../helpers/process-trees.ts';

let guard: Awaited<ReturnType<typeof compileGuard>>;
beforeAll(async () => {
  guard = await compileGuard();
});
afterAll(() => guard.remove());

function runGuard(worker: number, tag: string, script: string): ChildProcess {
  const args = [String(worker), '3', '100', 'sh', '-c', script];
  const env = { PATH: '/usr/bin:/bin', ERRAND_ROW: tag };
  return spawn(guard.guardPath, args, { env, stdio: ['ignore', 'pipe', 'inherit', 'pipe'] });
}

test('ends the tree when the lifeline closes, although its parent lives', async () => {
  const tag = aTag();
  const running = runGuard(process.pid, tag, 'sleep 300 & wait');
  await untilTagged(tag, 3);
  const ended = once(running, 'exit');
  running.stdio[3]?.destroy();
  expect(await ended).toEqual([128 + 15, null]);
  await untilTagged(tag, 0);
});

test('ends the tree when its parent dies, though the lifeline is held open', async () => {
  const tag = aTag();
  const env = { PATH: '/usr/bin:/bin', ERRAND_ROW: tag };
  const parent = spawn('sh', ['-c', `${guard.guardPath} $$ 3 100 sleep 300 & wait`], {
    env,
    stdio: ['ignore', 'ignore', 'inherit', 'pipe'],
  });
  await untilTagged(tag, 3);
  parent.kill('SIGKILL');
  await untilTagged(tag, 0);
  parent.stdio[3]?.destroy();
});

test('lets nobody in the tree gain privileges, with which it could outlive the guard', async () => {
  const running = runGuard(process.pid, aTag(), 'grep NoNewPrivs /proc/self/status');
  expect(await text(running.stdout ?? Readable.from([]))).toBe('NoNewPrivs:\t1\n');
});

test('starts nothing where the worker it belongs to has already gone', async () => {
  const orphan = runGuard(1, aTag(), 'echo started');
  const [output] = await Promise.all([text(orphan.stdout ?? Readable.from([])), once(orphan, 'exit')]);
  expect(output).toBe('');
  expect(orphan.exitCode).toBeGreaterThan(0);
});
