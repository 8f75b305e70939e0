import { symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { workspaceKind } from '../../../src/tools/workspace/kind.ts';
import { needBubblewrap } from '../../helpers/bubblewrap.ts';
import { compileGuard } from '../../helpers/process-trees.ts';
import { redisUrl } from '../../helpers/redis.ts';
import { aShell } from '../../helpers/shell.ts';

let guardPath: string;
let remove: () => void;
beforeAll(async () => {
  await needBubblewrap();
  ({ guardPath, remove } = await compileGuard());
});
afterAll(() => remove());

const NO_ROW = { taskId: '', epoch: 1, rowId: '', ref: '' };
const PLANTED = 'planted-5f1c9e';
process.env.PLANTED_SECRET = PLANTED;

/** A command that leaks nothing prints `shut` for each way that it tries, and `OPEN` for each that works. */
function tries(...ways: string[]): string {
  return ways
    .map((way) => `if (${way}) > /dev/null 2>&1; then echo 'OPEN: ${way.replaceAll("'", '')}'; else echo shut; fi`)
    .join('\n');
}

const REDIS_PORT = new URL(redisUrl()).port;

test.each([
  [
    'files of the machine',
    ['cat /etc/shadow', 'cat /etc/passwd', 'ls /root', 'ls /home', 'ls /var', 'ls /run', 'ls /sys/class'],
  ],
  [
    'files of the worker',
    [`ls ${process.cwd()}`, 'ls ../../..//work', 'ls /proc/1/cwd/home', `cat /proc/${process.pid}/environ`],
  ],
  [
    'places to write',
    [
      'touch /x',
      'touch /usr/x',
      'touch /dev/x',
      'touch /etc/x',
      'echo 1 > /proc/sysrq-trigger',
      'touch /workspace/../x',
    ],
  ],
  [
    'the network',
    [
      `exec 3<>/dev/tcp/127.0.0.1/${REDIS_PORT}`,
      `exec 3<>/dev/tcp/::1/${REDIS_PORT}`,
      'exec 3<>/dev/tcp/10.0.0.1/80',
      'exec 3<>/dev/tcp/169.254.169.254/80',
      'exec 3<>/dev/tcp/1.1.1.1/53',
    ],
  ],
  [
    'more rights',
    [
      'unshare -U true',
      'unshare -n true',
      'mount -t tmpfs t /tmp',
      'chroot / true',
      'mknod d b 8 0',
      'ulimit -f unlimited',
      `kill -0 ${process.pid}`,
    ],
  ],
])('a command reaches none of: %s', async (_title, ways) => {
  const { run } = await aShell({ guardPath });
  expect((await run(tries(...ways))).text).toBe(`Exit status 0. Output:\n${'shut\n'.repeat(ways.length)}`);
});

test('no process that a command sees has a variable of the worker', async () => {
  const { run } = await aShell({ guardPath });
  const { text } = await run(
    'cat /proc/[0-9]*/environ /proc/self/task/*/environ | tr "\\0" "\\n" | cut -d= -f1 | sort -u | xargs',
  );
  expect(text).toBe('Exit status 0. Output:\nERRAND_ROW HOME LANG OLDPWD PATH PWD SHLVL _\n'.replace(' OLDPWD', ''));
  const { text: all } = await run('cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline; env');
  expect(all).not.toContain(PLANTED);
});

test('links, pipes and hard links of a command lead no tool outside', async () => {
  const { run, workspace, directory } = await aShell({ guardPath });
  await run(
    'ln -s /etc/passwd link; ln -s / root; mkfifo pipe; mkdir d; ln -s ../.. d/up; ln /usr/bin/env hard; echo ok > file; ln file twin',
  );
  await symlink('/etc', join(directory, 'etc'));
  for (const path of ['link', 'root/etc/passwd', 'd/up/etc', 'etc/passwd'])
    await expect(workspace.read(path)).rejects.toThrow('symbolic link');
  for (const path of ['link', 'root/tmp/x']) await expect(workspace.write(path, 'x')).rejects.toThrow('symbolic link');
  await expect(workspace.read('pipe')).rejects.toThrow('expected a file');
  expect(await workspace.collect()).toEqual([
    { path: 'file', bytes: 3, text: 'ok\n' },
    { path: 'twin', bytes: 3, text: 'ok\n' },
  ]);
});

test('names, rights and depths of any kind hinder neither answer nor removal', async () => {
  const { run, workspace, directory } = await aShell({ guardPath });
  const { text } = await run(
    'echo a > a; mkdir locked; echo b > locked/b; chmod 000 locked a; touch "$(printf "\\377")"; mkdir "$(printf "d\\377")"; echo c > "$(printf "d\\377")/c"; chmod 000 .',
  );
  expect(text).toBe('Exit status 0. No output.');
  expect(workspace.used).toEqual({ entries: 6, bytes: 6 });
  expect((await workspace.collect()).map(({ path }) => path)).toEqual(['a', 'locked/b']);
  const deep = await run('for i in $(seq 300); do mkdir dddddddddddddddddddd; cd dddddddddddddddddddd; done');
  expect(deep.text).toContain('a path has at most 32 names');
  expect(await workspace.collect()).toHaveLength(2);
  const released = await workspaceKind({ workspaceRoot: '/' }).release(dirname(directory), undefined, NO_ROW);
  expect(released).toEqual({ evidence: 'verified', detail: 'the directory is gone' });
});

test('the workspace, shared memory and /tmp are bounded, sparse files too', async () => {
  const { run } = await aShell({ guardPath, limits: { max_bytes: 20_000_000 } });
  const { text } = await run('mkdir many; for i in $(seq 100000); do head -c 5000000 /dev/zero > many/$i; done');
  expect(text).toContain('the files of a workspace have at most 20000000 bytes');
  expect((await run('rm -r many; truncate -s 1T sparse; ls -s sparse; rm sparse')).text).toContain('0 sparse');
  const fill = (path: string) =>
    `for i in $(seq 60); do head -c 15000000 /dev/zero > ${path}/$i || break; done; du -sm ${path}`;
  const sizes = (await run(`(${fill('/tmp')}; ${fill('/dev/shm')}) 2>/dev/null`)).text.match(/^\d+/gm)?.map(Number);
  expect(sizes).toEqual([256, 64]);
});

test('files of a command whose call passed its limit are counted, and can be read', async () => {
  const { run, workspace, notes } = await aShell({ guardPath, limits: { max_bytes: 3_000_000 } });
  const late = new AbortController();
  const line = 'head -c 2000000 /dev/zero > a; head -c 2000000 /dev/zero > b; chmod 000 a; touch ready; sleep 60';
  const running = run(line, {}, late.signal);
  await expect.poll(async () => (await workspace.list()).some(({ path }) => path === 'ready')).toBe(true);
  late.abort(new Error('too late'));
  await expect(running).rejects.toThrow('too late');
  expect(notes()).toEqual([expect.stringContaining('at most 3000000 bytes')]);
  await expect(workspace.write('c', 'c')).rejects.toThrow('at most 3000000 bytes');
});

test('output that is not text keeps its first and last part', async () => {
  const { run } = await aShell({ guardPath });
  const { text } = await run('echo first; head -c 200000 /dev/zero | tr "\\0" "\\377"; echo last');
  expect(text).toMatch(/Output:\nfirst\n\?+\n\[\d+ bytes are left out here\]\n\?+last\n$/);
  expect(Buffer.byteLength(text)).toBeLessThan(50_000);
});

test('a command without a sandbox that kills its guard is no fault of the worker', async () => {
  const faults: Error[] = [];
  const session = { reportFault: (error: Error) => void faults.push(error) };
  const { run } = await aShell({ guardPath, settings: { sandbox: 'none' }, session });
  const { text } = await run('echo before; kill -9 $PPID; sleep 60');
  expect(text).toBe('The command was ended because its first process got SIGKILL. Output:\nbefore\n');
  expect(faults).toEqual([]);
});

test('commands over the limit of the workspace add nothing until files are removed', async () => {
  const { run, workspace } = await aShell({ guardPath, limits: { max_bytes: 1_000_000 } });
  await run('for i in 1 2 3; do head -c 900000 /dev/zero > $i; done');
  await run('for i in 4 5 6; do fallocate -l 900000 $i; truncate -s 900000 $i; head -c 900000 /dev/zero > $i; done');
  const sizes = (await workspace.list()).filter(({ bytes }) => bytes > 0).map(({ path }) => path);
  expect(sizes).toEqual(['1', '2', '3']);
  expect((await run('rm *; echo back > file')).isError).toBe(false);
  expect((await run('echo back > file; cat file')).text).toBe('Exit status 0. Output:\nback\n');
});
