import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { monotonicMs, sleep } from '../../src/base/clock.ts';
import { newBatchId } from '../../src/base/ids.ts';
import { findGuard } from '../../src/processes/guard-binary.ts';
import { type GuardedCommand, type GuardedProcess, startGuarded } from '../../src/processes/guarded-process.ts';

const PATH = '/usr/bin:/bin';
const DEADLINE_MS = 5_000;

/** The pids that carry the tag, looked up by other means than the code under test uses. A zombie carries none. */
export function pidsTagged(tag: string): number[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return pids.filter((pid) => textOf(`/proc/${pid}/environ`).includes(`ERRAND_ROW=${tag}\0`)).map(Number);
}

/** Returns the command of a process; empty if it is gone, or is a zombie that its parent has not reaped. */
export function commandOf(pid: number): string {
  return textOf(`/proc/${pid}/cmdline`);
}

/**
 * Resolves once that many processes carry the tag. It polls: the kernel reports a start or an end only to the parent.
 */
export async function untilTagged(tag: string, count: number): Promise<number[]> {
  const deadline = monotonicMs() + DEADLINE_MS;
  for (;;) {
    const pids = pidsTagged(tag);
    if (pids.length === count) return pids;
    if (monotonicMs() > deadline) throw new Error(`expected ${count} processes tagged ${tag}, got ${pids.length}`);
    await sleep(5);
  }
}

/**
 * Returns a tag that no other process on this machine carries. Processes with the tag are killed when the test ends.
 */
export function aTag(): string {
  const tag = `${newBatchId()}-0.1.process.1`;
  onTestFinished(() => {
    for (const pid of pidsTagged(tag)) process.kill(pid, 'SIGKILL');
  });
  return tag;
}

/** The guard, compiled for this run alone. */
export async function compileGuard(): Promise<{ guardPath: string; remove: () => void }> {
  const cacheDir = mkdtempSync(join(tmpdir(), 'errand-guard-'));
  const { path } = await findGuard({ cacheDir, path: PATH });
  if (path === null) throw new Error('the tests of the guard need Linux and a C compiler');
  return { guardPath: path, remove: () => rmSync(cacheDir, { recursive: true }) };
}

/** Starts `sh -c script` as a tool would; it is ended with the test. */
export async function startScript(
  script: string,
  settings: { guardPath: string | null } & Partial<GuardedCommand>,
): Promise<GuardedProcess & { tag: string }> {
  const tag = settings.tag ?? aTag();
  const command = {
    command: 'sh',
    args: ['-c', script],
    cwd: '/',
    environment: { PATH },
    graceMs: 100,
    ...settings,
    tag,
  };
  return { ...(await startGuarded(command)), tag };
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
