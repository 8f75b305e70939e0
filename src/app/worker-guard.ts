import { join } from 'node:path';
import { findGuard, type GuardBinary } from '../processes/guard-binary.ts';
import type { Config } from './config.ts';

/** The PATH for the C compiler. That of the worker is not used: another user may have written it. */
const COMPILER_PATH = '/usr/local/bin:/usr/bin:/bin';

/**
 * Finds the guard for the processes of tools. Without a prebuilt guard, it is compiled once, into a hidden folder of
 * the directory of the workspaces.
 */
export function findWorkerGuard({ worker }: Pick<Config, 'worker'>): Promise<GuardBinary> {
  return findGuard({ cacheDir: join(worker.workspace_root, '.guard'), path: COMPILER_PATH });
}
