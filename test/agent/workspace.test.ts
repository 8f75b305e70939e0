import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { callTool } from '../../src/agent/tools.ts';
import { collectFiles, workspaceTools } from '../../src/agent/workspace.ts';

async function aWorkspace() {
  const base = await mkdtemp(join(tmpdir(), 'errand-workspace-'));
  onTestFinished(() => rm(base, { recursive: true, force: true }));
  const root = join(base, 'inside');
  await mkdir(root);
  await writeFile(join(base, 'outside.txt'), 'not yours');
  const call = (name: string, args: object) => {
    const signal = new AbortController().signal;
    return callTool(
      workspaceTools(root),
      { id: 'c1', name, arguments: JSON.stringify(args) },
      { signal, limitMs: 60_000 },
    );
  };
  return { base, root, call };
}

test('writes, lists and reads files in folders', async () => {
  const { root, call } = await aWorkspace();
  expect(await call('list_files', {})).toMatchObject({ text: 'The workspace is empty.', is_error: false });
  expect(await call('write_file', { path: 'a/b.txt', content: 'héllo' })).toMatchObject({
    text: 'Wrote 6 bytes to a/b.txt.',
  });
  expect(await call('read_file', { path: 'a/b.txt' })).toMatchObject({ text: 'héllo', is_error: false });
  expect(await call('list_files', {})).toMatchObject({ text: 'a/b.txt (6 bytes)' });
  expect(await collectFiles(root)).toEqual([{ path: 'a/b.txt', bytes: 6, text: 'héllo' }]);
});

test.each(['../outside.txt', 'a/../../outside.txt', '/etc/passwd', '..', 'a/../..', 'x\0y'])(
  'refuses to leave through %j [B45]',
  async (path) => {
    const { base, call } = await aWorkspace();
    expect(await call('read_file', { path })).toMatchObject({
      is_error: true,
      text: expect.stringContaining('outside the workspace'),
    });
    expect(await call('write_file', { path, content: 'mine now' })).toMatchObject({ is_error: true });
    expect(await readFile(join(base, 'outside.txt'), 'utf8')).toBe('not yours');
  },
);

test('refuses to pass through a symbolic link, to a file, to a folder and to nothing', async () => {
  const { base, root, call } = await aWorkspace();
  await symlink(join(base, 'outside.txt'), join(root, 'file'));
  await symlink(base, join(root, 'folder'));
  await symlink(join(base, 'new.txt'), join(root, 'dangling'));
  for (const path of ['file', 'folder/outside.txt', 'dangling', 'folder/new.txt']) {
    expect(await call('read_file', { path })).toMatchObject({
      is_error: true,
      text: expect.stringContaining('symbolic link'),
    });
    expect(await call('write_file', { path, content: 'x' })).toMatchObject({ is_error: true });
  }
  expect(await readFile(join(base, 'outside.txt'), 'utf8')).toBe('not yours');
  expect(await collectFiles(root)).toEqual([]);
});

test('refuses a file that is too large to write', async () => {
  const { call } = await aWorkspace();
  const result = await call('write_file', { path: 'big', content: 'x'.repeat(1024 * 1024 + 1) });
  expect(result).toMatchObject({ is_error: true, text: expect.stringContaining('at most') });
});
