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
/** The guard that a build compiled, beside its source. */
const PREBUILT = fileURLToPath(new URL('./guard/guard', import.meta.url));
const COMPILE_LIMIT_MS = 60_000;
const PROBE_LIMIT_MS = 5_000;
/** The exit status of the guard without arguments (EX_USAGE). */
const USAGE_STATUS = 64;

/** The path of the guard, or why there is no guard. */
export type GuardBinary = { path: string } | { path: null; reason: string };

/** How to find a guard. */
export type GuardSearch = {
  /** A guard named by the deployment. If it is set, no other guard is sought. */
  configured?: string;
  /** A directory of ours that keeps a compiled guard. It is created if it is missing. */
  cacheDir: string;
  /** The PATH on which the C compiler `cc` is sought. */
  path: string;
};

/**
 * Finds the guard: the configured one, the one built with the package, the one compiled before, or one compiled now.
 *
 * Runs every candidate before using it: it may be for another processor or C library, or on a file system mounted
 * `noexec`. Any number of processes may call this at once. Throws `CONFIG_INVALID` if a configured guard does not run.
 * Otherwise, if no guard runs, resolves to the reason.
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
  throw new ErrandError('CONFIG_INVALID', `expected the process guard at ${path}; that file does not run as the guard`);
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

/** Compiles to another name and renames, so that another process never sees half a guard under its final name. */
async function compile(target: string, env: NodeJS.ProcessEnv): Promise<void> {
  const fresh = `${target}.${randomUUID()}`;
  try {
    await execute('cc', ['-std=c11', '-O2', '-o', fresh, SOURCE], { env, timeout: COMPILE_LIMIT_MS });
    await rename(fresh, target);
  } finally {
    await rm(fresh, { force: true });
  }
}

/** Hashes the source and the architecture: machines with different processors may share a home directory. */
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
