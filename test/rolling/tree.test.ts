import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { isWithin } from './audit.ts';
import { EARLIER, hasCommit, newerTree, treeOf } from './tree.ts';

async function freshDir(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'errand-tree-'));
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
  return dir;
}

test('a newer version can still be made from this tree', async () => {
  const { dir } = await newerTree(join(await freshDir(), 'newer'));
  expect(await readFile(join(dir, 'src/contract/needs.ts'), 'utf8')).toContain('READER_VERSION = 99;');
});

test.skipIf(!(await hasCommit(EARLIER)))('the earlier version runs with the packages of this tree', async () => {
  const { dir } = await treeOf(EARLIER, join(await freshDir(), 'earlier'));
  expect(await readFile(join(dir, 'src/worker.ts'), 'utf8')).toContain('createWorker');
});

test('two readings differ only if the earlier one says what the present one does not', () => {
  const earlier = { a: 1, list: [{ b: null }] };
  expect(isWithin(earlier, { a: 1, list: [{ b: null, more: 2 }], more: 1 })).toBe(true);
  for (const other of [
    { a: 1 },
    { a: 2, list: [{ b: null }] },
    { a: 1, list: [{ b: null }, {}] },
    { a: 1, list: {} },
  ]) {
    expect(isWithin(earlier, other)).toBe(false);
  }
});
