import type { Stats } from 'node:fs';
import { chmod, lstat, readdir } from 'node:fs/promises';
import type { WorkspaceLimits } from '../../contract/limits.ts';
import { MAX_PATH_BYTES } from './paths.ts';

const SLASH = Buffer.from('/');
/** What the owner of a file and of a folder must be able to do. */
const READ_WRITE = 0o600;
const ALL = 0o700;

/** The number of files and folders, the bytes of all files, and the limit that they pass, as a sentence, or `null`. */
export type Measure = { entries: number; bytes: number; excess: string | null };

/** `running`: a command may change the files meanwhile. `ended`: nothing else changes them. */
export type Changing = 'running' | 'ended';

/**
 * Counts a workspace that commands changed, and stops at the first limit that it passes. Names need not be text. With
 * `ended`, the worker gets its rights to every file back; a command that runs could put a link in place of the file.
 */
export async function measure(root: string, limits: WorkspaceLimits, changing: Changing): Promise<Measure> {
  const start = Buffer.from(root);
  if (changing === 'ended') await chmod(root, ALL);
  const total: Measure = { entries: 0, bytes: 0, excess: null };
  const folders = [{ path: start, depth: 0 }];
  for (let folder = folders.pop(); folder; folder = folders.pop()) {
    const names = await readdir(folder.path, { encoding: 'buffer' }).catch(nullUnlessUnreadable);
    if (names === null) return { ...total, excess: 'a folder has no rights for its owner to read it' };
    for (const name of names) {
      const path = Buffer.concat([folder.path, SLASH, name]);
      const depth = folder.depth + 1;
      const stats = await lstat(path).catch(nullIfGone);
      if (stats === null) continue;
      if (changing === 'ended') await giveBack(path, stats);
      total.entries += 1;
      if (stats.isFile()) total.bytes += stats.size;
      total.excess = excessOf(total, limits) ?? tooFar(path.length - start.length, depth, limits);
      if (total.excess !== null) return total;
      if (stats.isDirectory()) folders.push({ path, depth });
    }
  }
  return total;
}

function excessOf({ entries, bytes }: Measure, { max_entries, max_bytes }: WorkspaceLimits): string | null {
  if (entries > max_entries) return `a workspace has at most ${max_entries} files and folders`;
  return bytes > max_bytes ? `the files of a workspace have at most ${max_bytes} bytes` : null;
}

function tooFar(pathBytes: number, depth: number, { max_depth }: WorkspaceLimits): string | null {
  if (depth > max_depth) return `a path has at most ${max_depth} names`;
  return pathBytes > MAX_PATH_BYTES ? `a path has at most ${MAX_PATH_BYTES} bytes` : null;
}

async function giveBack(path: Buffer, stats: Stats): Promise<void> {
  const needed = stats.isDirectory() ? ALL : READ_WRITE;
  if (stats.isSymbolicLink() || (stats.mode & needed) === needed) return;
  await chmod(path, (stats.mode & 0o777) | needed);
}

/** A folder that is gone meanwhile has no names. `null` for one that may not be read. */
function nullUnlessUnreadable(error: NodeJS.ErrnoException): Buffer[] | null {
  if (error.code === 'EACCES' || error.code === 'EPERM') return null;
  if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return [];
  throw error;
}

function nullIfGone(error: NodeJS.ErrnoException): null {
  if (['ENOENT', 'ENOTDIR', 'EACCES'].includes(error.code ?? '')) return null;
  throw error;
}
