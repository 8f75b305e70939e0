import { AsyncLocalStorage, createHook } from 'node:async_hooks';
import { spawnSync } from 'node:child_process';
import { link, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { WorkspaceLimits } from '../../../src/contract/limits.ts';
import { workspaceTools } from '../../../src/tools/workspace/tools.ts';
import { Workspace } from '../../../src/tools/workspace/workspace.ts';
import { aSmallDisk, CANNOT_MOUNT } from '../../helpers/small-disk.ts';
import { toolsOf } from '../../helpers/tools.ts';

type Options = { base?: string; limits?: Partial<WorkspaceLimits> };

async function aWorkspace(options: Options = {}) {
  const base = options.base ?? (await mkdtemp(join(tmpdir(), 'errand-workspace-')));
  if (options.base === undefined) onTestFinished(() => rm(base, { recursive: true, force: true }));
  const home = join(base, 'inside');
  const faults: string[] = [];
  const workspace = await Workspace.open(home, WorkspaceLimits.parse(options.limits ?? {}), ({ code, message }) => {
    faults.push(`${code}: ${message}`);
  });
  const tools = toolsOf(workspaceTools(workspace));
  const call = (name: string, args: object) => {
    const signal = new AbortController().signal;
    const asked = { id: 'c1', name, arguments: JSON.stringify(args) };
    return tools.call(asked, { place: '1.1', signal, limitMs: 60_000, onProgress: () => undefined });
  };
  const write = async (path: string, content = 'x') => (await call('write_file', { path, content })).text;
  return { base, home, root: join(home, 'files'), workspace, faults, call, write };
}

async function aWorkspaceBesideAFile() {
  const made = await aWorkspace();
  await writeFile(join(made.base, 'outside.txt'), 'not yours');
  return made;
}

test('writes, lists and reads files in folders', async () => {
  const { workspace, call } = await aWorkspace();
  expect(await call('list_files', {})).toMatchObject({ text: 'The workspace is empty.', is_error: false });
  expect(await call('write_file', { path: 'a/b.txt', content: 'héllo' })).toMatchObject({
    text: 'Wrote 6 bytes to a/b.txt.',
  });
  expect(await call('read_file', { path: 'a/b.txt' })).toMatchObject({ text: 'héllo', is_error: false });
  expect(await call('list_files', {})).toMatchObject({ text: 'a/b.txt (6 bytes)' });
  expect(await workspace.collect()).toEqual([{ path: 'a/b.txt', bytes: 6, text: 'héllo' }]);
});

test.each(['../outside.txt', 'a/../../outside.txt', '/etc/passwd', '..', 'a/../..', 'x\0y', '../unfinished'])(
  'refuses to leave through %j [B45]',
  async (path) => {
    const { base, home, call } = await aWorkspaceBesideAFile();
    expect(await call('read_file', { path })).toMatchObject({
      is_error: true,
      text: expect.stringContaining('outside the workspace'),
    });
    expect(await call('write_file', { path, content: 'mine now' })).toMatchObject({ is_error: true });
    expect(await readFile(join(base, 'outside.txt'), 'utf8')).toBe('not yours');
    expect(await readdir(home)).toEqual(['files']);
  },
);

test('refuses to pass through a symbolic link, to a file, to a folder and to nothing', async () => {
  const { base, root, workspace, call } = await aWorkspaceBesideAFile();
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
  expect((await readdir(base)).sort()).toEqual(['inside', 'outside.txt']);
  expect(await workspace.collect()).toEqual([]);
});

test.each([
  ['a folder', 'a', '"a" is a folder; expected a file'],
  ['the workspace itself', '.', 'expected the path of a file'],
  ['something below a file', 'a/b/c', '"a/b" is a file; expected a folder'],
  ['a name that is too long', `${'ü'.repeat(128)}`, 'has a name of 256 bytes'],
])('refuses to write %s, and keeps the path of the host to itself', async (_, path, why) => {
  const { home, workspace, write } = await aWorkspace();
  await write('a/b');
  const text = await write(path);
  expect(text).toContain(why);
  expect(text).not.toContain(home);
  expect(await workspace.list()).toEqual([{ path: 'a/b', bytes: 1 }]);
});

describe('limits are checked before anything is made', () => {
  test('a file of 1 MiB', async () => {
    const { root, write } = await aWorkspace();
    expect(await write('new/big', 'x'.repeat(1024 * 1024 + 1))).toContain('the limit is 1048576');
    expect(await readdir(root)).toEqual([]);
  });

  test('a depth of 32 names', async () => {
    const { root, write } = await aWorkspace();
    const deep = (levels: number) => Array.from({ length: levels }, () => 'd').join('/');
    expect(await write(deep(40))).toContain('is 40 names deep; the limit is 32');
    expect(await write(deep(33))).toContain('33 names deep');
    expect(await readdir(root)).toEqual([]);
    expect(await write(deep(32))).toContain('Wrote 1 bytes');
  });

  test('the number of files and folders', async () => {
    const { root, workspace, write } = await aWorkspace({ limits: { max_entries: 4 } });
    await write('a/b/c');
    expect(await write('x/y')).toContain('has at most 4 files and folders; it has 3, and "x/y" adds 2');
    expect(await readdir(root)).toEqual(['a']);
    expect(await write('a/b/c', 'again')).toContain('Wrote');
    expect(await write('a/d')).toContain('Wrote');
    expect(await write('e')).toContain('it has 4, and "e" adds 1');
    expect(workspace.used).toEqual({ entries: 4, bytes: 6 });
  });

  test('the bytes of all files, of which an overwritten file frees its own', async () => {
    const { root, workspace, write } = await aWorkspace({ limits: { max_bytes: 10 } });
    await write('a', '12345678');
    expect(await write('new/b', '123')).toContain('has at most 10 bytes; it has 8, and "new/b" adds 3');
    expect(await readdir(root)).toEqual(['a']);
    expect(await write('a', '1234567890')).toContain('Wrote');
    expect(await write('a', '12345678901')).toContain('"a" adds 1');
    await write('a', '1');
    expect(await write('b', '123456789')).toContain('Wrote');
    expect(workspace.used).toEqual({ entries: 2, bytes: 10 });
  });
});

test('a workspace that is opened again counts what is in it', async () => {
  const { base, write } = await aWorkspace();
  await write('a/b', 'four');
  const { workspace } = await aWorkspace({ base });
  expect(workspace.used).toEqual({ entries: 2, bytes: 4 });
});

test('the file system requests of a write do not grow with the number of files', async () => {
  const { workspace } = await aWorkspace();
  const requestsOf = countRequests();
  const perWrite: number[] = [];
  for (const count of [10, 2_000]) {
    for (let at = workspace.used.entries; at < count; at++) await workspace.write(`file-${at}`, 'x');
    perWrite.push(await requestsOf(() => workspace.write(`one-more-${count}`, 'x')));
    perWrite.push(await requestsOf(() => workspace.write('file-1', 'over')));
  }
  expect(perWrite[0]).toBeGreaterThan(3);
  expect(perWrite.slice(2)).toEqual(perWrite.slice(0, 2));
});

/** Counts the requests to the file system that belong to one call. */
function countRequests(): (run: () => Promise<unknown>) => Promise<number> {
  const counted = new AsyncLocalStorage<{ requests: number }>();
  const hook = createHook({
    init: (_id, type) => {
      const count = counted.getStore();
      if (count && /^(FSREQ|FILEHANDLE)/.test(type)) count.requests += type === 'FILEHANDLE' ? 0 : 1;
    },
  }).enable();
  onTestFinished(() => void hook.disable());
  return async (run) => {
    const count = { requests: 0 };
    await counted.run(count, run);
    return count.requests;
  };
}

test('an unfinished file is neither listed nor delivered, and does not stop a write', async () => {
  const { home, workspace, call, write } = await aWorkspace();
  await writeFile(join(home, 'unfinished'), 'half of a fi');
  expect(await call('list_files', {})).toMatchObject({ text: 'The workspace is empty.' });
  expect(await call('read_file', { path: 'unfinished' })).toMatchObject({ is_error: true });
  await write('unfinished', 'a name like any other');
  expect(await workspace.collect()).toEqual([{ path: 'unfinished', bytes: 21, text: 'a name like any other' }]);
  expect(await readdir(home)).toEqual(['files']);
});

test.each<[string, (outside: string, path: string) => unknown]>([
  ['a hard link', link],
  ['a symbolic link', symlink],
  ['a folder', (_, path) => mkdir(join(path, 'more'), { recursive: true })],
  ['a pipe', (_, path) => spawnSync('mkfifo', [path])],
])('%s in the place of the unfinished file is replaced; nothing goes through it', async (_, plant) => {
  const { base, home, workspace, write } = await aWorkspaceBesideAFile();
  await plant(join(base, 'outside.txt'), join(home, 'unfinished'));
  expect(await write('report', 'mine')).toContain('Wrote 4 bytes');
  expect(await readFile(join(base, 'outside.txt'), 'utf8')).toBe('not yours');
  expect(await workspace.collect()).toEqual([{ path: 'report', bytes: 4, text: 'mine' }]);
});

test('of two writes at the same time, each file is whole', async () => {
  const { workspace } = await aWorkspace();
  const texts = ['a', 'b'].map((letter) => letter.repeat(200_000));
  await Promise.all(texts.map((text) => workspace.write('same', text)));
  await expect(workspace.read('same')).resolves.toBe(texts[1]);
  expect(workspace.used).toEqual({ entries: 1, bytes: 200_000 });
});

describe('on a full disk', () => {
  const full =
    'write_file failed: the disk of the workspace is full (ENOSPC); the file was not written, and an earlier file of this name is unchanged';

  test('the earlier file stays, the model hears why, and the next write succeeds', async ({ skip }) => {
    const base = await aSmallDisk(64);
    if (base === null) return skip(CANNOT_MOUNT);
    const { home, workspace, faults, write } = await aWorkspace({ base });
    await write('report', 'kept');
    expect(await write('report', 'cut '.repeat(30_000))).toBe(full);
    expect(await write('new/folder/report', 'cut '.repeat(30_000))).toBe(full);
    expect(await workspace.collect()).toEqual([{ path: 'report', bytes: 4, text: 'kept' }]);
    expect(await readdir(home, { recursive: true })).toEqual(['files', 'files/report']);
    expect(workspace.used).toEqual({ entries: 1, bytes: 4 });
    expect(faults).toEqual(Array(2).fill(expect.stringMatching(/^WORKSPACE_UNAVAILABLE: .*ENOSPC/)));
    expect(workspace.faultNote).toContain('2 writes failed');
    expect(await write('report', 'small enough')).toContain('Wrote');
  });

  test('folders of a write that failed are removed again', async ({ skip }) => {
    const base = await aSmallDisk(1024, 6);
    if (base === null) return skip(CANNOT_MOUNT);
    const { root, workspace, write } = await aWorkspace({ base });
    expect(await write('a/b/c/d/e')).toBe(full);
    expect(await readdir(root)).toEqual([]);
    expect(workspace.used).toEqual({ entries: 0, bytes: 0 });
    expect(await write('a/b')).toContain('Wrote');
  });

  test('a workspace that cannot be made is a fault of the worker', async ({ skip }) => {
    const base = await aSmallDisk(64, 1);
    if (base === null) return skip(CANNOT_MOUNT);
    await expect(aWorkspace({ base })).rejects.toMatchObject({
      code: 'WORKSPACE_UNAVAILABLE',
      message: 'the disk of the workspace is full (ENOSPC); the workspace could not be opened',
    });
  });
});

test('past the file size limit of the process, the earlier file stays', async () => {
  const base = await mkdtemp(join(tmpdir(), 'errand-workspace-'));
  onTestFinished(() => rm(base, { recursive: true, force: true }));
  const program = `
    import { Workspace } from ${JSON.stringify(join(import.meta.dirname, '../../../src/tools/workspace/workspace.ts'))};
    const limits = { max_entries: 10, max_depth: 10, max_bytes: 1e9 };
    const workspace = await Workspace.open(${JSON.stringify(join(base, 'inside'))}, limits, () => {});
    await workspace.write('report', 'kept');
    const why = await workspace.write('report', 'x'.repeat(500_000)).catch((error) => error.message);
    console.log(JSON.stringify([why, await workspace.collect()]));`;
  const argv = ['-c', 'ulimit -f 100; exec "$0" --input-type=module -e "$1"', process.execPath, program];
  const { stdout, stderr } = spawnSync('sh', argv, { encoding: 'utf8' });
  expect(JSON.parse(stdout || JSON.stringify(stderr))).toEqual([
    expect.stringContaining('the file is larger than the system allows (EFBIG)'),
    [{ path: 'report', bytes: 4, text: 'kept' }],
  ]);
});

test('a disk that is gone is a fault of the worker, not an empty workspace', async () => {
  const { base, workspace, write } = await aWorkspace();
  await write('report');
  await rm(base, { recursive: true });
  await mkdir(base);
  await expect(workspace.collect()).rejects.toMatchObject({ code: 'WORKSPACE_UNAVAILABLE' });
  expect(await write('report')).toContain('the disk of the workspace failed (ENOENT)');
  expect(await readdir(base)).toEqual([]);
});
