import { randomUUID } from 'node:crypto';
import { access, constants, link, mkdir, readFile, realpath, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { birthOf, isSameProcess } from '../../base/process-birth.ts';
import { ErrandError, messageOf } from '../../errors.ts';

/**
 * The process that owns a home. `birth` distinguishes it from a later process with the same pid; it may be `unknown`.
 */
type Owner = { pid: number; birth: string };

/**
 * The directory of one embedded Redis: its data, configuration, log and pid file, and the file that names its owner.
 *
 * One owner at a time, because two servers appending to the same AOF would destroy it.
 */
export type RedisHome = { dir: string; configFile: string; logFile: string; pidFile: string; ownerFile: string };

/** What {@link claimHome} found: the home is ours, or it belongs to a process that is alive. */
export type Claim = { status: 'ours'; release: () => Promise<void> } | { status: 'taken'; ownerPid: number };

/**
 * Makes the home under `dir`. Names its files by their real path, so that two paths to one directory give one home.
 *
 * @throws ErrandError `REDIS_UNSUITABLE` if the directory cannot be made or written.
 */
export async function openHome(dir: string): Promise<RedisHome> {
  const home = await makeDirectory(join(dir, 'redis')).catch((error: unknown) => {
    throw unwritable(dir, error);
  });
  return {
    dir: home,
    configFile: join(home, 'redis.conf'),
    logFile: join(home, 'redis.log'),
    pidFile: join(home, 'redis.pid'),
    ownerFile: join(home, 'owner'),
  };
}

async function makeDirectory(path: string): Promise<string> {
  await mkdir(path, { recursive: true, mode: 0o700 });
  await access(path, constants.W_OK);
  return realpath(path);
}

/** The error for a directory that the embedded Redis cannot write to. */
export function unwritable(dir: string, error: unknown): ErrandError {
  const message = `the embedded Redis cannot write to ${dir}: ${messageOf(error)}`;
  const remedy = 'Set REDIS_URL to a running Redis, or start in a writable directory.';
  return new ErrandError('REDIS_UNSUITABLE', message, { remedy, cause: error });
}

/**
 * Makes this process the owner of the home. Replaces an owner that is dead.
 *
 * If several processes try at once, one succeeds: a claim is a hard link, which only one process can make.
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

/** Removes the file of a dead owner. Puts the file back if a living owner has replaced it meanwhile. */
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
