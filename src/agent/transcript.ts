import { type Checkpoint, type Tally, type ToolCall, type ToolResult, tallyOf } from '../contract/checkpoint.ts';
import type { TranscriptEntry } from '../providers/model.ts';

/**
 * The conversation of one task so far. Rebuilt from checkpoints when an attempt takes over, so that a recorded turn is
 * never paid for again.
 */
export class Transcript {
  readonly checkpoints: Checkpoint[] = [];
  readonly #entries: TranscriptEntry[];

  constructor(prompt: string, recorded: readonly Checkpoint[]) {
    this.#entries = [{ role: 'user', text: prompt }];
    for (const checkpoint of recorded) this.append(checkpoint);
  }

  get tally(): Tally {
    return tallyOf(this.checkpoints);
  }

  /** The tool calls that wait for an answer: those of the last turn. */
  get pendingCalls(): ToolCall[] {
    return this.checkpoints.at(-1)?.reply.tool_calls ?? [];
  }

  /** The conversation as the next turn must send it: with the results of the tools the last turn asked for. */
  withResults(results: ToolResult[]): TranscriptEntry[] {
    return results.length === 0 ? this.#entries : [...this.#entries, { role: 'tools', results }];
  }

  append(checkpoint: Checkpoint): void {
    const { tool_results: results, reply } = checkpoint;
    if (results.length > 0) this.#entries.push({ role: 'tools', results });
    this.#entries.push({ role: 'assistant', native: reply.native });
    this.checkpoints.push(checkpoint);
  }
}
