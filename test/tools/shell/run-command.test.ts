import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { needBubblewrap } from '../../helpers/bubblewrap.ts';
import { compileGuard } from '../../helpers/process-trees.ts';
import { aShell, pidsWith, type ShellOptions } from '../../helpers/shell.ts';

let guardPath: string;
let remove: () => void;
beforeAll(async () => {
  await needBubblewrap();
  ({ guardPath, remove } = await compileGuard());
});
afterAll(() => remove());

const inShell = (options: Omit<ShellOptions, 'guardPath'> = {}) => aShell({ guardPath, ...options });

describe.each(['bwrap', 'none'] as const)('with the sandbox %s, a command', (sandbox) => {
  test('works on the files of the workspace, and its status and output are told', async () => {
    const { run, workspace, end } = await inShell({ settings: { sandbox } });
    await workspace.write('in/data', 'b\na\n');
    const { text, isError } = await run('sort in/data - > out; echo oops >&2; exit 3', { stdin: 'c\n' });
    expect({ text, isError }).toEqual({ text: 'Exit status 3. Output:\noops\n', isError: false });
    expect(await workspace.read('out')).toBe('a\nb\nc\n');
    expect(workspace.used).toEqual({ entries: 3, bytes: 10 });
    expect(await end()).toMatchObject([{ evidence: 'verified' }]);
  });

  test('has no variable of the worker', async () => {
    const { run } = await inShell({ settings: { sandbox } });
    const { text } = await run('env -u SHLVL -u _ -u OLDPWD | cut -d= -f1 | sort | xargs');
    const tag = sandbox === 'none' ? 'ERRAND_ROW ' : '';
    expect(text).toBe(`Exit status 0. Output:\n${tag}HOME LANG PATH PWD\n`);
  });

  test.each([
    ['at its time limit', 'sleep_here', { timeout_seconds: 0.5 }, 'it ran longer than 0.5 s'],
    ['at too much output', 'sleep_here & yes', {}, 'it wrote more than 1000000 bytes of output'],
    ['at too many processes', 'while :; do sleep_here & done', {}, 'it had more than 20 processes and threads'],
    ['at too much memory', 'sleep_here & eat & eat & eat & wait', {}, 'its processes used more than 60000000 bytes'],
    ['at too many files', 'sleep_here & while :; do : > $((n++)); done', {}, 'a workspace has at most 100 files'],
  ])('is ended %s, with all it started', async (_title, line, more, why) => {
    const marker = `3${Math.random().toString().slice(2, 9)}`;
    const limits = { max_output_bytes: 1e6, max_processes: 20, max_memory_bytes: 6e7 };
    const { run, workspace } = await inShell({ settings: { sandbox, ...limits }, limits: { max_entries: 100 } });
    await workspace.write('eat.sh', 'x=$(head -c 25000000 /dev/zero | tr "\\0" x); sleep 30');
    const stubborn = `trap "" TERM; sleep_here() { setsid nohup sleep ${marker}; }; eat() { bash eat.sh; }; `;
    const { text, isError } = await run(`${stubborn}${line}`, more);
    expect(text).toContain(`The command was ended because ${why}`);
    expect(isError).toBe(true);
    expect(pidsWith(marker)).toEqual([]);
  });

  test('leaves no process behind when it ends or its call is aborted', async () => {
    const marker = `4${Math.random().toString().slice(2, 9)}`;
    const { run, end } = await inShell({ settings: { sandbox } });
    expect((await run(`(setsid nohup sleep ${marker} &) ; echo left`)).text).toContain('left');
    expect(pidsWith(marker)).toEqual([]);
    const stop = new AbortController();
    const reason = new Error('the task was cancelled');
    const running = run(
      `trap "" TERM; echo up > up; setsid sleep ${marker} & sleep ${marker}; sleep ${marker}`,
      {},
      stop.signal,
    );
    await expect.poll(() => pidsWith(`sleep\0${marker}`).length).toBeGreaterThan(1);
    stop.abort(reason);
    await expect(running).rejects.toBe(reason);
    expect(pidsWith(marker)).toEqual([]);
    expect(await end()).toMatchObject([{ evidence: 'verified' }]);
  });

  test('is refused memory and file size by the kernel', async () => {
    const { run, workspace } = await inShell({
      settings: { sandbox, max_memory_bytes: 5e7 },
      limits: { max_bytes: 1e6 },
    });
    expect((await run('x=$(head -c 200000000 /dev/zero | tr "\\0" x); echo $?')).text).toMatch(/cannot allocate/);
    const { text, isError } = await run('head -c 5000000 /dev/zero > big; rm big; echo went on');
    expect({ text: text.includes('File size limit exceeded'), isError }).toEqual({ text: true, isError: false });
    expect(await workspace.list()).toEqual([]);
  });
});

test('the first and the last output of a long one are kept', async () => {
  const { run } = await inShell();
  const { text } = await run('seq 1 100000');
  expect(text).toMatch(/Output:\n1\n2\n[\s\S]*\n\[\d+ bytes are left out here\]\n[\s\S]*\n99999\n100000\n$/);
  expect(text.length).toBeLessThan(64 * 1024);
});

test('files over the limit are an error until they are removed, and a note', async () => {
  const { run, workspace, notes } = await inShell({ limits: { max_entries: 5 } });
  const { text, isError } = await run('touch 1 2 3 4 5 6 7');
  expect(text).toMatch(
    /^Remove files: a workspace has at most 5 files and folders\. Until then, no command can write to a file\.\nExit status 0/,
  );
  expect(isError).toBe(true);
  expect(notes()).toEqual(['commands left too many files: a workspace has at most 5 files and folders']);
  await expect(workspace.write('8', '')).rejects.toThrow('at most 5 files');
  expect(await workspace.collect()).toHaveLength(5);
  expect((await run('rm 6 7')).isError).toBe(false);
  expect(notes()).toEqual([]);
});

test('without a guard, what a command left behind is found and ended too', async () => {
  const marker = `5${Math.random().toString().slice(2, 9)}`;
  const { run, end } = await aShell({ guardPath: null, settings: { sandbox: 'none' } });
  await run(`setsid nohup sleep ${marker} > /dev/null & echo left`);
  expect(pidsWith(marker)).toEqual([]);
  expect(await end()).toMatchObject([{ evidence: 'unknown' }]);
});

test.each([
  ['a zero byte', { command: 'a\0b' }, 'zero bytes'],
  ['more than the kernel takes', { command: 'x'.repeat(110_000) }, 'at most 102400 bytes'],
  ['more time than allowed', { command: 'true', timeout_seconds: 1e6 }, 'timeout_seconds'],
])('a command with %s is refused before it runs', async (_title, { command, ...more }, problem) => {
  const { run } = await inShell();
  await expect(run(command, more)).rejects.toThrow(problem);
});
