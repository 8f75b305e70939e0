import { type Checkpoint, type Tally, type ToolCall, type ToolResult, tallyOf } from '../contract/checkpoint.ts';
import { ErrandError } from '../errors.ts';
import type { TranscriptEntry, UserEntry } from '../providers/model.ts';

/**
 * The maximum size of a conversation, in characters of JSON. No model has a larger window, and each turn sends the
 * whole conversation.
 */
const MAX_CHARS = 16 * 1024 * 1024;

/**
 * The conversation of one task so far. A new attempt rebuilds it from checkpoints, so that no recorded turn is paid for
 * again.
 */
export class Transcript {
  readonly checkpoints: Checkpoint[] = [];
  readonly #entries: TranscriptEntry[];
  #chars: number;
  /**
   * The number of turns counted in `#chars`. Counted late: most tasks end with their first turn, which is never sent
   * again.
   */
  #measuredTurns = 0;

  constructor(first: UserEntry, recorded: readonly Checkpoint[]) {
    this.#entries = [first];
    this.#chars = (first.shared ?? '').length + first.text.length;
    for (const checkpoint of recorded) this.append(checkpoint);
  }

  get tally(): Tally {
    return tallyOf(this.checkpoints);
  }

  /** The tool calls of the last turn, which wait for their results. */
  get pendingCalls(): ToolCall[] {
    return this.checkpoints.at(-1)?.reply.tool_calls ?? [];
  }

  /** The conversation that the next turn sends, with the results of the pending tool calls. */
  withResults(results: ToolResult[]): TranscriptEntry[] {
    return results.length === 0 ? this.#entries : [...this.#entries, { role: 'tools', results }];
  }

  /** @throws ErrandError `CONTEXT_TOO_LONG` if the conversation exceeds 16 Mi characters with these results. */
  assertFits(results: ToolResult[]): void {
    for (const { tool_results, reply } of this.checkpoints.slice(this.#measuredTurns)) {
      this.#chars += charsOf(tool_results) + charsOf(reply.native);
    }
    this.#measuredTurns = this.checkpoints.length;
    const chars = this.#chars + charsOf(results);
    if (chars <= MAX_CHARS) return;
    throw new ErrandError('CONTEXT_TOO_LONG', `the conversation has ${chars} characters; the limit is ${MAX_CHARS}`);
  }

  append(checkpoint: Checkpoint): void {
    const { tool_results: results, reply } = checkpoint;
    if (results.length > 0) this.#entries.push({ role: 'tools', results });
    this.#entries.push({ role: 'assistant', native: reply.native });
    this.checkpoints.push(checkpoint);
  }
}

function charsOf(value: unknown): number {
  return JSON.stringify(value).length;
}
