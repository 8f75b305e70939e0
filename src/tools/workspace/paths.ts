import { lstat, readdir } from 'node:fs/promises';
import { isAbsolute, join, relative, sep } from 'node:path';

/** The maximum size of one name on Linux file systems, in bytes. */
const MAX_NAME_BYTES = 255;

/** The longest path that tools name, in bytes: the kernel takes less than 4,096, and the root is part of it. */
export const MAX_PATH_BYTES = 2_048;
/** The largest `workspace.max_depth`. */
const MAX_DEPTH = 200;

/** Something in a workspace. `path` is relative to its root, with "/" between folders; only a file has bytes. */
export type Entry = { path: string; type: 'file' | 'folder' | 'other'; bytes: number };

/**
 * Splits a path of a tool call into its names. It does not look at the disk.
 * @throws Error if the path leaves the workspace, is the workspace itself, or has a name that no file can have.
 */
export function namesIn(given: string): string[] {
  const within = relative('/root', join('/root', given));
  if (isAbsolute(given) || given.includes('\0') || within === '..' || within.startsWith(`..${sep}`)) {
    throw new Error(`"${given}" is outside the workspace`);
  }
  const names = within.split(sep).filter(Boolean);
  if (names.length === 0) throw new Error(`"${given}" is the workspace itself; expected the path of a file`);
  const long = names.find((name) => Buffer.byteLength(name) > MAX_NAME_BYTES);
  if (long !== undefined) {
    throw new Error(`"${given}" has a name of ${Buffer.byteLength(long)} bytes; the limit is ${MAX_NAME_BYTES}`);
  }
  return names;
}

/**
 * Looks up each name of a path in turn. `found` is the entry at the path; `missing` is the number of trailing names
 * that do not exist. No tool call passes through a symbolic link, even if an earlier call made that link.
 * @throws Error if a name on the way is a symbolic link, or is not a folder and has names below it.
 */
export async function lookUp(
  root: string,
  names: readonly string[],
): Promise<{ found: Entry | null; missing: number }> {
  let found: Entry | null = null;
  for (const [at, name] of names.entries()) {
    if (found && found.type !== 'folder') throw new Error(`"${found.path}" is a file; expected a folder`);
    const path: string = found ? `${found.path}/${name}` : name;
    const stats = await lstat(join(root, path)).catch(nullIfAbsent);
    if (stats === null) return { found: null, missing: names.length - at };
    if (stats.isSymbolicLink()) throw new Error(`"${names.join('/')}" passes through a symbolic link`);
    const type = stats.isDirectory() ? 'folder' : stats.isFile() ? 'file' : 'other';
    found = { path, type, bytes: type === 'file' ? stats.size : 0 };
  }
  return { found, missing: 0 };
}

/**
 * Lists everything in a workspace in the order of names, a folder before its content. It follows no link. Commands may
 * have made what no tool can name or read: that has the type `other`, and its content is not listed.
 */
export async function* walk(root: string, folder = '', depth = 1): AsyncGenerator<Entry> {
  const entries = await readdir(join(root, folder), { withFileTypes: true }).catch((error) =>
    noneIfHidden(error, folder),
  );
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = folder ? `${folder}/${entry.name}` : entry.name;
    const stats = isNamed(path, depth) ? await lstat(join(root, path)).catch(nullIfAbsent) : null;
    if (stats?.isDirectory()) {
      yield { path, type: 'folder', bytes: 0 };
      yield* walk(root, path, depth + 1);
    } else if (stats?.isFile()) yield { path, type: 'file', bytes: stats.size };
    else yield { path, type: 'other', bytes: 0 };
  }
}

/** The decoder puts U+FFFD in place of bytes that are not text. */
function isNamed(path: string, depth: number): boolean {
  return depth <= MAX_DEPTH && Buffer.byteLength(path) <= MAX_PATH_BYTES && !path.includes('\uFFFD');
}

function noneIfHidden(error: NodeJS.ErrnoException, folder: string): [] {
  if (folder !== '' && ['EACCES', 'EPERM', 'ENOENT', 'ENOTDIR'].includes(error.code ?? '')) return [];
  throw error;
}

function nullIfAbsent(error: NodeJS.ErrnoException): null {
  if (error.code === 'ENOENT') return null;
  throw error;
}
