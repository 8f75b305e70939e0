import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

test('the bench of unwinding releases everything and prints the ratio', async () => {
  const args = ['bench/unwind/run.ts', '--others', '20', '--unwinds', '3'];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  expect(stdout).toMatch(/among 20 other attempts, directories and processes: [\d.]+ ms an unwind .*3 of them/);
  expect(stdout).toMatch(/ratio of the medians: [\d.]+, and [\d.]+ after\n$/);
});
