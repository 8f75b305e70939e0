import { readdir, readFile } from 'node:fs/promises';
import { Redis } from 'ioredis';
import { monotonicMs, sleep } from '../../src/base/clock.ts';
import { tagIn } from '../../src/processes/tag.ts';
import { Stored } from '../records/stored.ts';
import { MARK } from './stage.ts';

const LOOK_AGAIN_MS = 500;

/** Waits up to `withinMs` for the last open ledger row to be closed, and returns those that are open then. */
export async function awaitClosedRows(redisPort: number, prefix: string, withinMs: number): Promise<string[]> {
  const redis = new Redis(redisPort, '127.0.0.1');
  try {
    const deadline = monotonicMs() + withinMs;
    for (;;) {
      const rows = await new Stored(prefix, redis).openRows();
      if (rows.length === 0 || monotonicMs() > deadline) return rows;
      await sleep(LOOK_AGAIN_MS);
    }
  } finally {
    redis.disconnect();
  }
}

/** The workspaces that are still on the disk. The process guard, which workers build there once, is none. */
export async function leftDirs(workspaceRoot: string): Promise<string[]> {
  return (await readdir(workspaceRoot)).filter((name) => name !== '.guard');
}

/**
 * Processes in the process table that carry the mark of this storm, or the tag of a ledger row of one of its tasks; those
 * with such a tag belong to the server of a tool. Meant for the time when all workers are gone.
 */
export async function leftProcesses(
  mark: string,
  batchIds: readonly string[],
): Promise<{ pid: number; isServer: boolean }[]> {
  const left: { pid: number; isServer: boolean }[] = [];
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const environment = await readFile(`/proc/${name}/environ`, 'utf8').catch(() => '');
    const tag = tagIn(environment) ?? '';
    const isMarked = environment.split('\0').includes(`${MARK}=${mark}`);
    const isServer = batchIds.some((id) => tag.includes(`:${id}-`));
    if (isMarked || isServer) left.push({ pid: Number(name), isServer });
  }
  return left;
}
