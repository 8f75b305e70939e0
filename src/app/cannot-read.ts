import { resolve } from 'node:path';
import { ErrandError } from '../errors.ts';

/** The error for a named file that does not exist, or `null` if reading it failed for another reason. */
export function cannotRead(file: string, error: unknown): ErrandError | null {
  const errno = error instanceof Error && 'code' in error ? error.code : undefined;
  if (errno !== 'ENOENT' && errno !== 'ENOTDIR') return null;
  const remedy = `Correct the name (ls lists the files): a relative name starts at the working directory, ${resolve('.')}.`;
  return new ErrandError('FILE_NOT_FOUND', `there is no file ${file}`, { cause: error, remedy });
}
