import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { WorkspaceLimits } from '../../../src/contract/limits.ts';
import { workspaceTools } from '../../../src/tools/workspace/tools.ts';
import { Workspace } from '../../../src/tools/workspace/workspace.ts';
import { aSmallDisk, CANNOT_MOUNT } from '../../helpers/small-disk.ts';
import { toolsOf } from '../../helpers/tools.ts';

/** A workspace with these files, and a function that calls a tool and returns the text that the model reads. */
async function aWorkspaceWith(files: Record<string, string>, limits: Partial<WorkspaceLimits> = {}, disk?: string) {
  const base = disk ?? (await mkdtemp(join(tmpdir(), 'errand-workspace-')));
  if (disk === undefined) onTestFinished(() => rm(base, { recursive: true, force: true }));
  const home = join(base, 'inside');
  const workspace = await Workspace.open(home, WorkspaceLimits.parse(limits), () => undefined);
  const tools = toolsOf(workspaceTools(workspace));
  const call = async (name: string, args: object, signal = new AbortController().signal) => {
    const asked = { id: 'c1', name, arguments: JSON.stringify(args) };
    return (await tools.call(asked, { place: '1.1', signal, limitMs: 60_000, onProgress: () => undefined })).text;
  };
  for (const [path, content] of Object.entries(files)) await call('write_file', { path, content });
  return { root: join(home, 'files'), home, workspace, call };
}

test('edit_file replaces a text that occurs once, byte for byte', async () => {
  const text = '\ufefffirst\r\n$& old $1\r\nlast';
  const { root, workspace, call } = await aWorkspaceWith({ 'a/b': text });
  const edit = { path: 'a/b', old_text: '$& old $1', new_text: '$& néw $1' };
  expect(await call('edit_file', edit)).toBe('Replaced 1 occurrence in a/b.');
  const changed = await readFile(join(root, 'a/b'), 'utf8');
  expect(changed).toBe(text.replace('old', 'néw'));
  expect(workspace.used).toEqual({ entries: 2, bytes: Buffer.byteLength(changed) });
});

test.each([
  ['is absent', { old_text: 'three' }, 'old_text was found 0 times'],
  ['occurs twice', { old_text: 'one' }, 'old_text was found 2 times; expected it once'],
  ['stays as it is', { old_text: 'two', new_text: 'two' }, 'expected a change'],
  ['is empty', { old_text: '' }, 'old_text'],
  ['is in a missing file', { path: 'b', old_text: 'one' }, 'there is no file "b"'],
  [
    'grows beyond a file',
    { old_text: 'one', new_text: 'x'.repeat(600_000), replace_all: true },
    'the limit is 1048576',
  ],
])('edit_file changes nothing if the text %s, and says why', async (_, args, why) => {
  const { workspace, call } = await aWorkspaceWith({ a: 'one two one' });
  expect(await call('edit_file', { path: 'a', new_text: '1', ...args })).toContain(why);
  expect(await workspace.collect()).toEqual([{ path: 'a', bytes: 11, text: 'one two one' }]);
});

test('edit_file replaces every occurrence with replace_all', async () => {
  const { workspace, call } = await aWorkspaceWith({ a: 'one two one' });
  const edit = { path: 'a', old_text: 'one', new_text: '', replace_all: true };
  expect(await call('edit_file', edit)).toBe('Replaced 2 occurrences in a.');
  expect(await workspace.read('a')).toBe(' two ');
});

test('edit_file refuses a file that is not text, because it would destroy bytes', async () => {
  const { root, call } = await aWorkspaceWith({});
  const bytes = Buffer.concat([Buffer.from('one'), Buffer.from([0xff, 0xfe])]);
  await writeFile(join(root, 'a'), bytes);
  expect(await call('edit_file', { path: 'a', old_text: 'one', new_text: 'two' })).toContain('not UTF-8 text');
  expect(await readFile(join(root, 'a'))).toEqual(bytes);
});

test('append_file adds to a file, keeps its bytes, and makes a missing one', async () => {
  const { root, workspace, call } = await aWorkspaceWith({});
  await call('append_file', { path: 'new/log', content: 'one\n' });
  expect(await call('append_file', { path: 'new/log', content: 'twö' })).toBe('new/log has 8 bytes now.');
  const bytes = randomBytes(100);
  await writeFile(join(root, 'new/log'), bytes);
  await call('append_file', { path: 'new/log', content: 'x' });
  expect(await readFile(join(root, 'new/log'))).toEqual(Buffer.concat([bytes, Buffer.from('x')]));
  expect(workspace.used.entries).toBe(2);
});

test('append_file and edit_file stay within the limits of the workspace', async () => {
  const { workspace, call } = await aWorkspaceWith({ a: '12345678' }, { max_bytes: 10, max_entries: 1 });
  expect(await call('append_file', { path: 'a', content: '123' })).toContain('at most 10 bytes');
  expect(await call('append_file', { path: 'b', content: '1' })).toContain('at most 1 files and folders');
  expect(await call('edit_file', { path: 'a', old_text: '8', new_text: '8901' })).toContain('at most 10 bytes');
  expect(await workspace.read('a')).toBe('12345678');
  expect(workspace.used).toEqual({ entries: 1, bytes: 8 });
});

test('delete_file removes a file and the folders that are empty then', async () => {
  const { root, workspace, call } = await aWorkspaceWith({ 'a/b/c': 'four', 'a/d': 'x' }, { max_entries: 4 });
  expect(await call('delete_file', { path: 'a/b/c' })).toBe('Deleted a/b/c.');
  expect(await readdir(root, { recursive: true })).toEqual(['a', 'a/d']);
  expect(workspace.used).toEqual({ entries: 2, bytes: 1 });
  expect(await call('delete_file', { path: 'a/b/c' })).toContain('there is no file "a/b/c"');
  expect(await call('delete_file', { path: 'a' })).toContain('"a" is a folder; expected a file');
  await call('delete_file', { path: 'a/d' });
  expect(await readdir(root)).toEqual([]);
  expect(workspace.used).toEqual({ entries: 0, bytes: 0 });
});

test('no change and no search leaves the workspace or passes through a link', async () => {
  const { home, root, call } = await aWorkspaceWith({});
  await writeFile(join(home, '../outside'), 'not yours');
  await symlink(join(home, '../outside'), join(root, 'link'));
  await symlink(join(home, '..'), join(root, 'folder'));
  for (const path of ['../../outside', 'link', 'folder/outside']) {
    expect(await call('append_file', { path, content: 'x' })).toContain('append_file failed');
    expect(await call('edit_file', { path, old_text: 'not', new_text: 'all' })).toContain('edit_file failed');
    expect(await call('delete_file', { path })).toContain('delete_file failed');
    expect(await call('search_files', { path, text: 'yours' })).toContain('search_files failed');
  }
  expect(await call('search_files', { text: 'yours' })).toBe('0 matching lines.');
  expect(await readFile(join(home, '../outside'), 'utf8')).toBe('not yours');
});

test('on a full disk, an append and an edit leave the file whole', async ({ skip }) => {
  const disk = await aSmallDisk(64);
  if (disk === null) return skip(CANNOT_MOUNT);
  const { workspace, call } = await aWorkspaceWith({ a: 'kept' }, {}, disk);
  const much = 'x'.repeat(200_000);
  expect(await call('append_file', { path: 'a', content: much })).toContain('disk of the workspace is full');
  expect(await call('edit_file', { path: 'a', old_text: 'e', new_text: much })).toContain('(ENOSPC)');
  expect(await workspace.collect()).toEqual([{ path: 'a', bytes: 4, text: 'kept' }]);
  expect(workspace.faultNote).toContain('2 writes failed');
  expect(await call('delete_file', { path: 'a' })).toBe('Deleted a.');
});

test('search_files finds an exact text by line, in one folder or everywhere', async () => {
  const files = { 'a/x': 'one (a+)+\r\ntwo\nthree', 'b/y': 'Two', z: 'no' };
  const { root, call } = await aWorkspaceWith(files);
  await writeFile(join(root, 'binary'), Buffer.from('two\0'));
  expect(await call('search_files', { text: '(a+)+' })).toBe('a/x:1: one (a+)+\n1 matching line.');
  expect(await call('search_files', { text: 'two' })).toBe('a/x:2: two\n1 matching line.');
  expect(await call('search_files', { text: 'TWO', ignore_case: true })).toBe(
    'a/x:2: two\nb/y:1: Two\n2 matching lines.',
  );
  expect(await call('search_files', { text: 'two', path: './b/', ignore_case: true })).toContain('b/y:1: Two\n1 match');
  expect(await call('search_files', { text: 'no', path: 'z' })).toContain('z:1: no');
  expect(await call('search_files', { text: 'no', path: 'c' })).toContain('there is no file at or below "c"');
  expect(await call('search_files', { text: 'a\nb' })).toContain('expected a text within one line');
});

test('search_files is bounded in lines, their length, and bytes, and says so', async () => {
  const { root, call } = await aWorkspaceWith({
    many: 'x\n'.repeat(1_000),
    long: `${'a'.repeat(9_000)}needle${'b'.repeat(9_000)}`,
  });
  const many = await call('search_files', { text: 'x', path: 'many' });
  expect(many.split('\n')).toHaveLength(201);
  expect(many).toContain('The search stopped after 200 matching lines');
  const long = await call('search_files', { text: 'needle' });
  expect(long.length).toBeLessThan(400);
  expect(long).toContain('needle');
  for (let at = 0; at < 65; at++) await writeFile(join(root, `zero-${at}`), Buffer.alloc(1024 * 1024, ' '));
  expect(await call('search_files', { text: 'x', path: 'many' })).toContain('200');
  expect(await call('search_files', { text: 'absent' })).toContain('stopped after reading 67108864 bytes');
});

test('search_files stops when its attempt ends', async () => {
  const { call } = await aWorkspaceWith({ a: 'x' });
  const ended = new AbortController();
  const searching = call('search_files', { text: 'x' }, ended.signal);
  ended.abort(new Error('the attempt ended'));
  await expect(searching).rejects.toThrow('the attempt ended');
});
