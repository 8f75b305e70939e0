import { execFile } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import { mkdir, readFile, rename, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { clip } from '../base/text.ts';
import { ErrandError, messageOf } from '../errors.ts';

const execute = promisify(execFile);

const SOURCE = fileURLToPath(new URL('./guard/guard.c', import.meta.url));
/** Where a build puts the guard it compiled: beside its source. */
const PREBUILT = fileURLToPath(new URL('./guard/guard', import.meta.url));
const COMPILE_LIMIT_MS = 60_000;
const PROBE_LIMIT_MS = 5_000;
/** What the guard exits with when it gets no arguments (EX_USAGE). */
const USAGE_STATUS = 64;

/** Where the guard is, or why there is none. */
export type GuardBinary = { path: string } | { path: null; reason: string };

/** How to find a guard. */
export type GuardSearch = {
  /** A guard named by the deployment; no other is looked for. */
  configured?: string;
  /** A directory of ours that a compiled guard is kept in; made if it is not there. */
  cacheDir: string;
  /** Where to look for the C compiler `cc`, as a PATH. */
  path: string;
};

/**
 * Finds the guard: the configured one, the one built with the package, the one compiled before, or one compiled now.
 *
 * Every candidate is tried before it is believed: it may be for another processor or C library, or on a file system
 * that runs nothing. Any number of processes may do this at once. Throws `CONFIG_INVALID` where a guard is configured
 * and does not run; resolves to a reason where there is none otherwise.
 */
export async function findGuard({ configured, cacheDir, path }: GuardSearch): Promise<GuardBinary> {
  if (process.platform !== 'linux') return { path: null, reason: `the guard needs Linux, this is ${process.platform}` };
  if (configured !== undefined) return configuredGuard(resolve(configured));
  if (await runs(PREBUILT)) return { path: PREBUILT };
  return compiledGuard(resolve(cacheDir), path).catch((error) => {
    return { path: null, reason: `the guard could not be compiled: ${clip(messageOf(error).trim(), 400)}` };
  });
}

async function configuredGuard(path: string): Promise<GuardBinary> {
  if (await runs(path)) return { path };
  throw new ErrandError('CONFIG_INVALID', `expected the process guard at ${path}, got nothing that runs as one`);
}

/** Keeps the guard under the hash of its source, so that another version compiles its own beside it. */
async function compiledGuard(cacheDir: string, path: string): Promise<GuardBinary> {
  const target = join(cacheDir, `guard-${await versionOf(SOURCE)}`);
  if (await runs(target)) return { path: target };
  await mkdir(cacheDir, { recursive: true, mode: 0o700 });
  await compile(target, { PATH: path, LC_ALL: 'C', TMPDIR: cacheDir });
  if (await runs(target)) return { path: target };
  return { path: null, reason: `the guard was compiled to ${target}, which does not run there` };
}

/** The compiler writes beside the target, so that whoever sees a guard under its name sees all of it. */
async function compile(target: string, env: NodeJS.ProcessEnv): Promise<void> {
  const fresh = `${target}.${randomUUID()}`;
  try {
    await execute('cc', ['-std=c11', '-O2', '-o', fresh, SOURCE], { env, timeout: COMPILE_LIMIT_MS });
    await rename(fresh, target);
  } finally {
    await rm(fresh, { force: true });
  }
}

/** Two processors may share a home directory, so theirs must not share a name. */
async function versionOf(source: string): Promise<string> {
  const hash = createHash('sha256')
    .update(process.arch)
    .update(await readFile(source));
  return hash.digest('hex').slice(0, 16);
}

async function runs(file: string): Promise<boolean> {
  return execute(file, [], { env: {}, timeout: PROBE_LIMIT_MS }).then(
    () => false,
    (error) => error.code === USAGE_STATUS,
  );
}
