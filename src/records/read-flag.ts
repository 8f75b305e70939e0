import { isoNow } from '../base/clock.ts';
import { CancelFlag } from '../contract/batch.ts';
import { readEntry } from './read-record.ts';

/** Reads a cancel flag. One that does not parse still cancels: somebody set it, and only its reason is lost. */
export function readFlag(text: string): CancelFlag {
  return readEntry(CancelFlag, text) ?? { reason: 'the reason cannot be read', requested_at: isoNow() };
}
