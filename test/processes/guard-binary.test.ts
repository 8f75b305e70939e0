import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { findGuard } from '../../src/processes/guard-binary.ts';

const PATH = '/usr/bin:/bin';

function emptyDirectory(): string {
  const dir = mkdtempSync(join(tmpdir(), 'errand-guard-'));
  onTestFinished(() => rmSync(dir, { recursive: true }));
  return dir;
}

test('many lookups at once get the same guard, compiled whole', async () => {
  const cacheDir = join(emptyDirectory(), 'made-on-demand');
  const found = await Promise.all(Array.from({ length: 4 }, () => findGuard({ cacheDir, path: PATH })));
  const [name = 'none', ...others] = readdirSync(cacheDir);
  expect(name).toMatch(/^guard-[0-9a-f]{16}$/);
  expect(others).toEqual([]);
  expect(new Set(found.map(({ path }) => path))).toEqual(new Set([join(cacheDir, name)]));
});

test('a compiled guard is used without a compiler; a broken one is compiled again', async () => {
  const cacheDir = emptyDirectory();
  const { path } = await findGuard({ cacheDir, path: PATH });
  if (path === null) throw new Error('no guard was compiled');
  expect(await findGuard({ cacheDir, path: '' })).toEqual({ path });
  writeFileSync(path, 'not a program');
  expect(await findGuard({ cacheDir, path: PATH })).toEqual({ path });
});

test('says why there is no guard where there is no compiler', async () => {
  const found = await findGuard({ cacheDir: emptyDirectory(), path: '/nowhere' });
  expect(found).toEqual({ path: null, reason: expect.stringContaining('could not be compiled') });
});

test('refuses a configured guard that does not run, instead of looking for another', async () => {
  const search = { configured: '/bin/true', cacheDir: emptyDirectory(), path: PATH };
  await expect(findGuard(search)).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
});
