import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, onTestFinished, test } from 'vitest';
import { identityOf, isRunning, signalProcess } from '../../src/processes/process-identity.ts';

test('no signal reaches a process that has taken the pid of the one meant', async () => {
  const stranger = spawn('sleep', ['300'], { stdio: 'ignore' });
  const exited = once(stranger, 'exit');
  onTestFinished(() => void stranger.kill('SIGKILL'));
  await once(stranger, 'spawn');
  const identity = identityOf(stranger.pid ?? Number.NaN) ?? expect.fail('the process is not there');
  expect(signalProcess({ ...identity, startTime: String(Number(identity.startTime) - 1) }, 'SIGKILL')).toBe(false);
  expect(isRunning(identity)).toBe(true);
  expect(signalProcess(identity, 'SIGTERM')).toBe(true);
  expect(await exited).toEqual([null, 'SIGTERM']);
});
