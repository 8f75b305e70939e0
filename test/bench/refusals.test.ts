import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

test('the bench of refusals tells how long each blocked, and why it was refused', async () => {
  const { stdout } = await promisify(execFile)(process.execPath, ['bench/refusals/run.ts', '--only', '1M toolsets']);
  const took = String.raw`[\d.]+ \(max [\d.]+\)`;
  expect(stdout).toMatch(new RegExp(`^1M toolsets +${took} +${took}  toolsets: expected at most 10000 values`, 'm'));
  expect(stdout).toMatch(new RegExp(`^text: 1M toolsets +${took} +${took}  tasks\\[0\\]`, 'm'));
  expect(stdout.trim().split('\n')).toHaveLength(3);
});
