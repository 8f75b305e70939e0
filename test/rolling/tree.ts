import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cp, mkdir, readFile, realpath, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const ROOT = join(import.meta.dirname, '../..');

/** The commit whose workers and producers must work beside those of this tree. */
export const EARLIER = '23a7ccd';

/** The sources of one version, with the packages they import. `name` is part of the names of its workers. */
export type Tree = { name: 'earlier' | 'present' | 'newer'; dir: string };

/** This tree. */
export const PRESENT: Tree = { name: 'present', dir: ROOT };

/** Returns whether this clone has the commit. */
export async function hasCommit(commit: string): Promise<boolean> {
  return run('git', ['-C', ROOT, 'cat-file', '-e', `${commit}^{commit}`]).then(
    () => true,
    () => false,
  );
}

/**
 * Writes the sources of a commit to a directory, beside the packages of this tree.
 * @throws Error if that commit needs other packages.
 */
export async function treeOf(commit: string, dir: string): Promise<Tree> {
  const archive = `${dir}.tar`;
  await mkdir(dir, { recursive: true });
  await run('git', ['-C', ROOT, 'archive', '--output', archive, commit, 'src', 'package.json']);
  await run('tar', ['-xf', archive, '-C', dir]);
  await assertSamePackages(dir);
  await linkPackages(dir);
  return { name: 'earlier', dir };
}

/**
 * Writes a version that is newer than this tree: it reads and writes records that this tree cannot read. A task with a
 * context needs reader version 99, as does a batch with the metadata `needs`. A task with the metadata `version` is of
 * version 99, and every job has a field that this tree does not know.
 */
export async function newerTree(dir: string): Promise<Tree> {
  await cp(join(ROOT, 'src'), join(dir, 'src'), { recursive: true });
  await cp(join(ROOT, 'package.json'), join(dir, 'package.json'));
  await linkPackages(dir);
  await change(dir, 'src/contract/needs.ts', 'READER_VERSION = 3;', 'READER_VERSION = 99;');
  await change(dir, 'src/contract/needs.ts', 'Versions = {', "Versions = { 'task.context': 99, 'metadata.needs': 99,");
  await change(
    dir,
    'src/contract/task.ts',
    'TaskJob = stored({\n  version: z.literal(1),',
    'TaskJob = stored({\n  version: z.number(),',
  );
  await change(
    dir,
    'src/routes/plan.ts',
    'version: 1 as const, batch_id: batchId, index, task, route }',
    'version: task.metadata?.version ? 99 : 1, batch_id: batchId, index, task, route, hint: { of: "newer" } }',
  );
  return { name: 'newer', dir };
}

/** The address of a library of a version, to import it from there. Earlier versions keep them in another place. */
export function entryOf(dir: string, name: 'producer' | 'worker'): string {
  const present = join(dir, 'src/entries', `${name}.ts`);
  const earlier = join(dir, 'src', name === 'producer' ? 'index.ts' : 'worker.ts');
  return pathToFileURL(existsSync(present) ? present : earlier).href;
}

async function linkPackages(dir: string): Promise<void> {
  await symlink(await realpath(join(ROOT, 'node_modules')), join(dir, 'node_modules'));
}

/** Fails if the text is missing, so that a check cannot pass on an unchanged tree. */
async function change(dir: string, file: string, from: string, to: string): Promise<void> {
  const path = join(dir, file);
  const text = await readFile(path, 'utf8');
  if (!text.includes(from)) throw new Error(`${file} no longer holds "${from}"`);
  await writeFile(path, text.replace(from, to));
}

async function assertSamePackages(dir: string): Promise<void> {
  const [earlier, present] = await Promise.all([packagesOf(dir), packagesOf(ROOT)]);
  const other = Object.entries(earlier).filter(([name, version]) => present[name] !== version);
  if (other.length > 0) throw new Error(`the earlier version needs other packages: ${other.join(' ')}`);
}

async function packagesOf(dir: string): Promise<Record<string, string>> {
  const { dependencies }: { dependencies: Record<string, string> } = JSON.parse(
    await readFile(join(dir, 'package.json'), 'utf8'),
  );
  return dependencies;
}
