import { execFile } from 'node:child_process';
import { access, constants } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { ErrandError } from '../../errors.ts';
import { canInstallRedis, installRedis } from './install.ts';

const execute = promisify(execFile);

const NAMES = ['redis-server', 'valkey-server'];
const MIN_MAJOR = 7;

/** The directories where servers are commonly installed, also if the PATH lacks them. */
export const COMMON_DIRS: readonly string[] = ['/usr/bin', '/usr/local/bin', '/opt/homebrew/bin'];

/** The environment of {@link findRedisBinary}. */
export type RedisSearch = {
  /** The PATH of the caller. */
  path: string;
  /** Whether the process may install packages. */
  isRoot: boolean;
  /** Gets one line before an installation and one after it. */
  log: (line: string) => void;
  /** Directories to look in after the PATH; {@link COMMON_DIRS} by default. */
  alsoIn?: readonly string[];
};

/**
 * Finds a `redis-server` or `valkey-server` of version 7 or later. If it finds none and runs as root on Debian or
 * Ubuntu, it installs one.
 *
 * Resolves to its absolute file name. Otherwise throws `REDIS_UNSUITABLE` with the commands that install one.
 */
export async function findRedisBinary({ path, isRoot, log, alsoIn = COMMON_DIRS }: RedisSearch): Promise<string> {
  const dirs = [...new Set([...path.split(delimiter).filter(Boolean), ...alsoIn])];
  const before = await search(dirs);
  if (before.file !== null) return before.file;
  if (!(await canInstallRedis(isRoot))) throw noRedis(before.rejected);
  const reason = await installRedis(log);
  const after = await search(dirs);
  if (after.file !== null) return after.file;
  throw noRedis(reason === null ? after.rejected : [...after.rejected, `apt-get failed: ${reason}`]);
}

type SearchResult = { file: string | null; rejected: string[] };

async function search(dirs: readonly string[]): Promise<SearchResult> {
  const rejected: string[] = [];
  for (const dir of dirs) {
    for (const name of NAMES) {
      const file = join(dir, name);
      if (!(await isExecutable(file))) continue;
      const version = await versionOf(file);
      if (majorOf(version) >= MIN_MAJOR) return { file, rejected };
      rejected.push(`${file} is version ${version}`);
    }
  }
  return { file: null, rejected };
}

async function isExecutable(file: string): Promise<boolean> {
  return access(file, constants.X_OK).then(
    () => true,
    () => false,
  );
}

async function versionOf(file: string): Promise<string> {
  const { stdout } = await execute(file, ['--version'], { env: { LC_ALL: 'C' }, timeout: 10_000 }).catch(() => ({
    stdout: '',
  }));
  return /\bv=(\d[\w.-]*)/.exec(stdout)?.[1] ?? 'unknown';
}

function majorOf(version: string): number {
  return Number.parseInt(version, 10) || 0;
}

function noRedis(rejected: readonly string[]): ErrandError {
  const found = rejected.length === 0 ? 'found none' : rejected.join('; ');
  const remedy = [
    'Install one of these and start again:',
    '  Debian, Ubuntu:  sudo apt-get install -y redis-server',
    '  macOS:           brew install redis',
    '  Docker:          docker run -d -p 127.0.0.1:6379:6379 redis:7 redis-server --appendonly yes --maxmemory-policy noeviction',
    '                   and set REDIS_URL=redis://127.0.0.1:6379',
  ].join('\n');
  return new ErrandError(
    'REDIS_UNSUITABLE',
    `Errand needs redis-server or valkey-server ${MIN_MAJOR} or later: ${found}.\n${remedy}`,
    { remedy },
  );
}
