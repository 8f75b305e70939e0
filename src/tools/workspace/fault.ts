import { ErrandError, isErrandError } from '../../errors.ts';

/** Codes of system errors that a path of the child causes. Every other code means that the disk or the worker fails. */
const CAUSED_BY_PATH: ReadonlySet<string> = new Set([
  'ENAMETOOLONG',
  'ENOTDIR',
  'EISDIR',
  'EEXIST',
  'ENOTEMPTY',
  'ELOOP',
  'EILSEQ',
  'EINVAL',
]);

const DISK_FAULTS: Readonly<Record<string, string>> = {
  ENOSPC: 'the disk of the workspace is full',
  EDQUOT: 'the disk quota of the workspace is used up',
  EFBIG: 'the file is larger than the system allows',
  EROFS: 'the disk of the workspace is read-only',
  EMFILE: 'the worker has too many open files',
  ENFILE: 'the machine has too many open files',
};

/**
 * Turns what a file operation threw into an error that a model may read. Messages of Node name a path of the host, so
 * they are kept as the cause only. `effect` says what the failure means for the file.
 *
 * @returns ErrandError `WORKSPACE_UNAVAILABLE` if the disk or the worker failed, or an ordinary error if the path is at
 *   fault.
 */
export function workspaceFaultOf(error: unknown, effect: string): Error {
  const code = systemCodeOf(error);
  if (code === undefined) return error instanceof Error ? error : new Error(String(error));
  if (CAUSED_BY_PATH.has(code)) {
    return new Error(`the file system refuses this path (${code}); ${effect}`, { cause: error });
  }
  const what = DISK_FAULTS[code] ?? 'the disk of the workspace failed';
  return new ErrandError('WORKSPACE_UNAVAILABLE', `${what} (${code}); ${effect}`, { cause: error });
}

function systemCodeOf(error: unknown): string | undefined {
  if (isErrandError(error) || !(error instanceof Error) || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}
