import { constants, createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { systemFaultText } from '../../contract/system-fault.ts';
import { ErrandError } from '../../errors.ts';
import { cannotRead } from '../cannot-read.ts';
import { batchFileInvalid } from './refusal.ts';

/**
 * Reads all bytes of a file, a pipe, or standard input (named `-`). Stops after `max` bytes, so that an endless pipe
 * does not fill the memory.
 *
 * @throws ErrandError `FILE_NOT_FOUND`; `BATCH_INVALID` if there are more bytes or the file cannot be read.
 */
export async function readBytes(name: string, label: string, max: number): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let size = 0;
  try {
    for await (const piece of name === '-' ? process.stdin : await streamOf(name)) {
      pieces.push(piece);
      size += piece.length;
      if (size > max) throw tooLarge(label, max);
    }
  } catch (error) {
    throw error instanceof ErrandError ? error : unreadable(error, name, label);
  }
  return Buffer.concat(pieces);
}

async function streamOf(name: string): Promise<AsyncIterable<Buffer>> {
  const file = await open(name, constants.O_RDONLY);
  return createReadStream('', { fd: file });
}

function tooLarge(label: string, max: number): ErrandError {
  const remedy = `Split the batch into several files, or raise limits.max_batch_bytes: ${label} can be twice as large.`;
  return batchFileInvalid(label, `expected at most ${max} bytes, got more`, remedy);
}

function unreadable(error: unknown, name: string, label: string): ErrandError {
  const missing = name === '-' ? null : cannotRead(name, error);
  if (missing) return missing;
  const isDirectory = error instanceof Error && 'code' in error && error.code === 'EISDIR';
  const what = isDirectory ? 'is a directory, expected a file' : `cannot be read: ${systemFaultText(error)}`;
  return batchFileInvalid(label, what, 'Pass the name of a batch file that this user can read.');
}
