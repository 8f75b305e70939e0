import { spawn } from 'node:child_process';
import { once } from 'node:events';
import * as fs from 'node:fs';
import * as promises from 'node:fs/promises';
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest';
import { identityOf, isRunning } from '../../src/processes/process-identity.ts';
import { releaseProcess } from '../../src/processes/release-process.ts';
import { commandOf, compileGuard, pidsTagged, startScript, untilTagged } from '../helpers/process-trees.ts';

// The real file system, with its calls on record.
vi.mock('node:fs', { spy: true });
vi.mock('node:fs/promises', { spy: true });

let guardPath: string;
let remove: () => void;
beforeAll(async () => {
  ({ guardPath, remove } = await compileGuard());
});
afterAll(() => remove());

/** Every place in /proc that was read while `work` ran. */
async function placesRead(work: () => Promise<unknown>): Promise<string[]> {
  const readers = [fs.readFileSync, fs.readdirSync, promises.readFile, promises.readdir];
  for (const reader of readers) vi.mocked(reader).mockClear();
  await work();
  const places = readers.flatMap((reader) => vi.mocked(reader).mock.calls.map(([place]) => String(place)));
  return places.filter((place) => place.startsWith('/proc'));
}

async function startBystanders(count: number): Promise<void> {
  const script = `for i in $(seq ${count}); do sleep 300 & done; echo up; wait`;
  const crowd = spawn('sh', ['-c', script], { detached: true, stdio: ['ignore', 'pipe', 'ignore'] });
  onTestFinished(async () => {
    process.kill(-(crowd.pid ?? Number.NaN), 'SIGKILL');
    await once(crowd, 'exit');
  });
  await once(crowd.stdout, 'data');
}

test('ends the whole tree of a living guard, and a second release finds it gone', async () => {
  const tool = await startScript('trap "" TERM; (setsid sleep 300 &); sleep 300', { guardPath });
  await untilTagged(tool.tag, 4);
  expect(await releaseProcess(tool.ref, 100)).toMatchObject({ survivors: 0, evidence: 'verified' });
  expect(pidsTagged(tool.tag)).toEqual([]);
  expect(await releaseProcess(tool.ref, 100)).toMatchObject({ survivors: 0, evidence: 'unknown' });
});

test('ends a tree whose guard is stopped, in order', async () => {
  const tool = await startScript('exec sleep 300', { guardPath, graceMs: 1_000 });
  // A command that has not begun has no group yet: the guard kills it without a TERM.
  await expect.poll(() => pidsTagged(tool.tag).map(commandOf)).toContain('sleep\x00300\x00');
  process.kill(tool.pid, 'SIGSTOP');
  expect(await releaseProcess(tool.ref, 5_000)).toMatchObject({ survivors: 0, evidence: 'verified' });
  expect(await tool.exited).toEqual({ code: 128 + 15, signal: null });
  expect(pidsTagged(tool.tag)).toEqual([]);
});

test('leaves alone a process that has taken the pid of the one it looks for', async () => {
  const stranger = await startScript('exec sleep 300', { guardPath });
  const identity = identityOf(stranger.pid);
  if (!identity) throw new Error('the process is not there');
  const ref = `${identity.pid}:${Number(identity.startTime) - 1}:${stranger.tag}`;
  expect(await releaseProcess(ref, 100)).toMatchObject({ survivors: 0, evidence: 'unknown' });
  expect(isRunning(identity)).toBe(true);
  await stranger.close();
});

test('refuses what is no reference', async () => {
  await expect(releaseProcess('/tmp/workspace', 100)).rejects.toMatchObject({ code: 'INTERNAL' });
});

test('looks only at the processes of its own tree, with 300 others as with none', async () => {
  const tool = await startScript('sleep 300 & wait', { guardPath });
  const own = await untilTagged(tool.tag, 3);
  await startBystanders(300);
  const places = await placesRead(() => releaseProcess(tool.ref, 100));
  expect(places.length).toBeGreaterThan(0);
  const readPids = new Set(places.map((place) => Number(/^\/proc\/(\d+)\//.exec(place)?.[1])));
  expect([...readPids].filter((pid) => !own.includes(pid))).toEqual([]);
});

test('closing a tree of its own looks at no other process either', async () => {
  const tool = await startScript('sleep 300 & cat', { guardPath });
  const own = await untilTagged(tool.tag, 4);
  const places = await placesRead(() => tool.close());
  expect(places.length).toBeGreaterThan(0);
  expect(places.filter((place) => !own.some((pid) => place.startsWith(`/proc/${pid}/`)))).toEqual([]);
});
