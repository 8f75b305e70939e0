import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startGuarded } from '../../src/processes/guarded-process.ts';
import { aTag, compileGuard, pidsTagged, startScript, untilTagged } from '../helpers/process-trees.ts';

const STUBBORN_TREE = fileURLToPath(new URL('../fixtures/stubborn-tree.sh', import.meta.url));
const OWNER = fileURLToPath(new URL('../fixtures/guarded-owner.ts', import.meta.url));
const STUBBORN_COUNT = 6;
const VERIFIED = { survivors: 0, evidence: 'verified', detail: expect.any(String) };

let guardPath: string;
let remove: () => void;
beforeAll(async () => {
  ({ guardPath, remove } = await compileGuard());
});
afterAll(() => remove());

describe('a guarded command', () => {
  test('has its pipes, its directory, and no environment but its own and the tag [B153]', async () => {
    const script = 'read line; echo "$line in $(pwd)"; env | cut -d= -f1 | sort | xargs >&2';
    const tool = await startScript(script, {
      guardPath,
      cwd: '/usr',
      environment: { PATH: '/usr/bin:/bin', TOOL: '1' },
    });
    tool.stdin.write('hello\n');
    expect(await text(tool.stdout)).toBe('hello in /usr\n');
    expect(await tool.exited).toEqual({ code: 0, signal: null });
    expect(tool.errorText()).toBe('ERRAND_ROW PATH PWD TOOL\n');
    expect(tool.ref).toBe(`${tool.pid}:${tool.startTime}:${tool.tag}`);
    expect(tool.startTime).toMatch(/^\d+$/);
  });

  test.each([
    ['its own status', 'exit 7', 7],
    ['128 + 9 where KILL ended it', 'kill -KILL $$', 137],
    ['127 where it cannot be found', 'exec no-such-command', 127],
  ])('passes on %s', async (_title, script, code) => {
    const tool = await startScript(script, { guardPath });
    expect(await tool.exited).toEqual({ code, signal: null });
  });

  test('says on stderr why it could not be started', async () => {
    const tool = await startScript('', { guardPath, command: 'no-such-command' });
    expect(await tool.exited).toEqual({ code: 127, signal: null });
    await tool.close();
    expect(tool.errorText()).toBe('cannot start no-such-command: No such file or directory\n');
  });

  test('may fill stderr without being held up, and the end of it is kept', async () => {
    const tool = await startScript('head -c 3000000 /dev/zero | tr "\\0" x >&2; echo the end >&2', { guardPath });
    expect(await tool.exited).toEqual({ code: 0, signal: null });
    await tool.close();
    expect(tool.errorText()).toHaveLength(16 * 1024);
    expect(tool.errorText()).toMatch(/xthe end\n$/);
  });

  test('that leaves processes behind when it ends takes them with it', async () => {
    const tool = await startScript('trap "" TERM; sleep 300 & (setsid sleep 300 &); exit 3', { guardPath });
    expect(await tool.exited).toEqual({ code: 3, signal: null });
    expect(pidsTagged(tool.tag)).toEqual([]);
  });

  test('does not wait for processes that left the group: it kills them at once', async () => {
    const tool = await startScript('(setsid sleep 300 &); exit 3', { guardPath, graceMs: 3_600_000 });
    expect(await tool.exited).toEqual({ code: 3, signal: null });
    expect(pidsTagged(tool.tag)).toEqual([]);
  });

  test('has its pipes to itself: when it closes one, the reader sees the end', async () => {
    const tool = await startScript('exec >&-; exec sleep 300', { guardPath });
    expect(await text(tool.stdout)).toBe('');
    expect(pidsTagged(tool.tag)).toHaveLength(2);
    await tool.close();
  });

  test('gets the time to end in order, even if its own parent does not wait for it', async () => {
    const server = 'trap "sleep 0.1; echo saved; exit" TERM; echo up; while :; do sleep 0.01; done';
    const tool = await startScript(`sh -c '${server}' & wait`, { guardPath, graceMs: 2_000 });
    await once(tool.stdout, 'readable');
    process.kill(tool.pid, 'SIGTERM');
    expect(await text(tool.stdout)).toBe('up\nsaved\n');
    expect(await tool.exited).toEqual({ code: 143, signal: null });
  });
});

describe('close', () => {
  test('ends a command that heeds the end of its stdin, without a signal', async () => {
    const tool = await startScript('cat; exit 5', { guardPath, graceMs: 5_000 });
    expect(await tool.close()).toEqual(VERIFIED);
    expect(await tool.exited).toEqual({ code: 5, signal: null });
  });

  test('leaves nothing of a stubborn tree, and says so once to all who ask', async () => {
    const tool = await startScript('', { guardPath, args: [STUBBORN_TREE] });
    await untilTagged(tool.tag, STUBBORN_COUNT);
    expect(await Promise.all([tool.close(), tool.close()])).toEqual([VERIFIED, VERIFIED]);
    expect(pidsTagged(tool.tag)).toEqual([]);
  });

  test('ends a stopped command and a stopped guard, in order', async () => {
    const tool = await startScript('echo up; exec sleep 300', { guardPath, graceMs: 300 });
    await once(tool.stdout, 'readable');
    for (const pid of await untilTagged(tool.tag, 2)) process.kill(pid, 'SIGSTOP');
    expect(await tool.close()).toEqual(VERIFIED);
    expect(await tool.exited).toEqual({ code: 128 + 15, signal: null });
    expect(pidsTagged(tool.tag)).toEqual([]);
  });

  test('does not claim to know the tree is gone where the guard was killed', async () => {
    const tool = await startScript('exec sleep 300', { guardPath });
    await untilTagged(tool.tag, 2);
    process.kill(tool.pid, 'SIGKILL');
    await tool.exited;
    expect(await tool.close()).toMatchObject({
      evidence: 'unknown',
      detail: expect.stringContaining('guard was killed'),
    });
  });
});

describe('after kill -9 of the worker', () => {
  test('nothing of a guarded stubborn tree is left', async () => {
    const tag = aTag();
    const worker = spawn(process.execPath, [OWNER, guardPath, tag, STUBBORN_TREE], { env: {}, stdio: 'pipe' });
    await untilTagged(tag, STUBBORN_COUNT);
    worker.kill('SIGKILL');
    await untilTagged(tag, 0);
  });

  test('a command without a guard is gone; what it started is left to the sweep', async () => {
    const tag = aTag();
    const worker = spawn(process.execPath, [OWNER, '', tag, STUBBORN_TREE], { env: {}, stdio: 'pipe' });
    const [root] = await untilTagged(tag, STUBBORN_COUNT - 1);
    worker.kill('SIGKILL');
    expect(await untilTagged(tag, STUBBORN_COUNT - 2)).not.toContain(root);
  });
});

describe('without a guard', () => {
  test('a command that ends takes its group with it', async () => {
    const tool = await startScript('trap "" TERM; sleep 300 & exit 3', { guardPath: null });
    expect(await tool.exited).toEqual({ code: 3, signal: null });
    await untilTagged(tool.tag, 0);
  });

  test('close kills also what has left the group and outlasts its parent', async () => {
    const tool = await startScript('setsid sleep 300 & cat', { guardPath: null });
    await untilTagged(tool.tag, 3);
    expect(await tool.close()).toMatchObject({ survivors: 0, evidence: 'unknown' });
    expect(pidsTagged(tool.tag)).toEqual([]);
  });

  test('close kills the group and what hangs below, says what it saw, and claims no more', async () => {
    const tool = await startScript('trap "" TERM; sleep 300 & setsid -w sleep 300', { guardPath: null });
    expect(tool.isGuarded).toBe(false);
    await untilTagged(tool.tag, 3);
    expect(await tool.close()).toMatchObject({ survivors: 0, evidence: 'unknown' });
    expect(pidsTagged(tool.tag)).toEqual([]);
  });
});

describe('refuses to start', () => {
  const nothing = { command: 'true', args: [], cwd: '/', environment: {}, tag: 'none', graceMs: 0 };

  test('in a directory that is not there, naming it', async () => {
    const start = startGuarded({ ...nothing, guardPath, cwd: '/no/such/directory' });
    await expect(start).rejects.toMatchObject({
      code: 'INTERNAL',
      message: expect.stringContaining('/no/such/directory'),
    });
  });

  test('off the main thread, whose end the kernel would take for that of the worker', async () => {
    const program = `import(${JSON.stringify(import.meta.resolve('../../src/processes/guarded-process.ts'))})
      .then(({ startGuarded }) => startGuarded(${JSON.stringify({ ...nothing, guardPath })}))
      .catch((error) => require('node:worker_threads').parentPort.postMessage(error.message));`;
    const [message] = await once(new Worker(program, { eval: true }), 'message');
    expect(message).toBe('expected true to be started on the main thread, got a worker thread');
  });
});
