import { messageOf } from '../errors.ts';

/** Our words for errors of files and directories, by errno. */
const WORDS: Readonly<Record<string, string>> = {
  ENOENT: 'it does not exist',
  ENOTDIR: 'a part of its path is not a directory',
  EISDIR: 'it is a directory',
  EACCES: 'this user has no permission',
  EPERM: 'this user has no permission',
  ELOOP: 'its symbolic links form a loop',
  ENAMETOOLONG: 'its name is too long',
  EEXIST: 'a file with its name exists',
  EROFS: 'its file system is read-only',
  ENOSPC: 'its disk is full',
  EDQUOT: 'its disk quota is used up',
  EIO: 'its disk failed',
  EMFILE: 'this process has too many open files',
  ENFILE: 'this host has too many open files',
};

/**
 * Says why a file or a directory could not be used, with the errno: `it does not exist (ENOENT)`. Returns the message
 * of any other error.
 */
export function systemFaultText(error: unknown): string {
  const errno = error instanceof Error && 'code' in error ? String(error.code) : '';
  return Object.hasOwn(WORDS, errno) ? `${WORDS[errno]} (${errno})` : messageOf(error);
}
