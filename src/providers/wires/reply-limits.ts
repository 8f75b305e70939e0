import { clip } from '../../base/text.ts';
import { MAX_TOOL_CALLS } from '../../contract/limits.ts';
import { ErrandError } from '../../errors.ts';

/** The maximum number of blocks of all kinds in the reply of one turn. */
export const MAX_BLOCKS = 1_024;

/**
 * Reads the place of a block, an item or a call in its reply; `undefined` if the provider sent none. A place is only sorted
 * by; it is never an array index.
 *
 * @throws SyntaxError for a value that is not a whole number from 0 to 1,023.
 */
export function placeOf(sent: unknown): number | undefined {
  if (sent === undefined || sent === null) return undefined;
  if (typeof sent === 'number' && Number.isInteger(sent) && sent >= 0 && sent < MAX_BLOCKS) return sent;
  const shown = clip(JSON.stringify(sent) ?? typeof sent, 40);
  throw new SyntaxError(`the index ${shown}; expected a whole number from 0 to ${MAX_BLOCKS - 1}`);
}

/** Counts the blocks and the tool calls of one reply. Both throw ErrandError `PROVIDER_REPLY_TOO_LARGE` past the limit. */
export class ReplyLimits {
  #blocks = 0;
  #calls = 0;

  /** Counts one more block: a content block, an output item, or an entry of a list that grows. */
  block(): void {
    this.#blocks += 1;
    if (this.#blocks > MAX_BLOCKS) throw tooMany(`${MAX_BLOCKS} blocks`);
  }

  /** Counts one more tool call. */
  call(): void {
    this.#calls += 1;
    if (this.#calls > MAX_TOOL_CALLS) throw tooMany(`${MAX_TOOL_CALLS} tool calls`);
  }
}

function tooMany(limit: string): ErrandError {
  return new ErrandError('PROVIDER_REPLY_TOO_LARGE', `a reply of more than ${limit}`);
}
