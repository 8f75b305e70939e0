import { randomUUID } from 'node:crypto';
import { link, mkdir, readFile, realpath, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { birthOf, isSameProcess } from '../../base/process-birth.ts';

/** The process that owns a home. `birth` tells it from a later process with the same pid; `unknown` where the system does not say. */
type Owner = { pid: number; birth: string };

/**
 * The directory of one embedded Redis: its data, configuration, log and pid file, and the file that names its owner.
 *
 * One owner at a time, because two servers appending to the same AOF would destroy it.
 */
export type RedisHome = { dir: string; configFile: string; logFile: string; pidFile: string; ownerFile: string };

/** What {@link claimHome} found: the home is ours, or it belongs to a process that is alive. */
export type Claim = { status: 'ours'; release: () => Promise<void> } | { status: 'taken'; ownerPid: number };

/** Makes the home under `dir` and names its files by their real path, so that two ways to one directory are one home. */
export async function openHome(dir: string): Promise<RedisHome> {
  await mkdir(join(dir, 'redis'), { recursive: true, mode: 0o700 });
  const home = await realpath(join(dir, 'redis'));
  return {
    dir: home,
    configFile: join(home, 'redis.conf'),
    logFile: join(home, 'redis.log'),
    pidFile: join(home, 'redis.pid'),
    ownerFile: join(home, 'owner'),
  };
}

/**
 * Makes this process the owner of the home, taking over from an owner that is dead.
 *
 * Of any number of processes that try at once, one succeeds: a claim is a hard link, which only one can make.
 */
export async function claimHome(home: RedisHome): Promise<Claim> {
  const { ownerFile } = home;
  const ticket = `${ownerFile}.${randomUUID()}`;
  await writeFile(ticket, `${process.pid} ${birthOf(process.pid) ?? 'unknown'}`);
  try {
    while (!(await linked(ticket, ownerFile))) {
      const owner = await readOwner(ownerFile);
      if (owner && isSameProcess(owner.pid, owner.birth)) return { status: 'taken', ownerPid: owner.pid };
      await evict(ownerFile, `${ticket}.dead`);
    }
    return { status: 'ours', release: () => rm(ownerFile, { force: true }) };
  } finally {
    await rm(ticket, { force: true });
  }
}

/** Removes the file of a dead owner. If a living one has put its own there since we looked, that one is put back. */
async function evict(ownerFile: string, aside: string): Promise<void> {
  if (!(await moved(ownerFile, aside))) return;
  const owner = await readOwner(aside);
  if (owner && isSameProcess(owner.pid, owner.birth)) await linked(aside, ownerFile);
  await rm(aside, { force: true });
}

async function moved(from: string, to: string): Promise<boolean> {
  try {
    await rename(from, to);
    return true;
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return false;
    throw error;
  }
}

async function linked(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    if (hasCode(error, 'EEXIST')) return false;
    throw error;
  }
}

async function readOwner(file: string): Promise<Owner | null> {
  const text = await readFile(file, 'utf8').catch(() => '');
  const [pid, birth] = text.split(' ');
  return pid && birth ? { pid: Number(pid), birth } : null;
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
