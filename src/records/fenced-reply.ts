import type { CancelFlag } from '../contract/batch.ts';
import type { Wake } from '../contract/task.ts';
import { ErrandError } from '../errors.ts';
import { wakesIn } from './job-name.ts';
import { readFlag } from './read-flag.ts';

/** Reads a fenced script's reply: throws where the fence refused, else returns the cancel flag or `null`. */
export function fenced(reply: unknown, batchId: string): CancelFlag | null {
  const [status, detail] = reply as [string, unknown];
  if (status === 'ok') return null;
  if (status === 'cancelled') return readFlag(String(detail));
  throw new ErrandError('ATTEMPT_SUPERSEDED', `a write of batch ${batchId} was refused: ${refusalOf(status, detail)}`);
}

function refusalOf(status: string, detail: unknown): string {
  if (status === 'ended') return 'the task has its outcome';
  if (status === 'disorder') return `not the turn after the ${detail} on record`;
  return `the newest epoch is ${detail}`;
}

/** The tasks to wake that a script's reply names. */
export function wakesOf(reply: unknown): Wake[] {
  const [, members] = reply as [string, string[] | undefined];
  return wakesIn(members ?? []);
}
