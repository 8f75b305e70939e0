import { byteLength } from '../base/text.ts';
import type { Checkpoint } from '../contract/checkpoint.ts';
import type { TaskJob } from '../contract/task.ts';
import type { TurnRequest } from '../providers/model.ts';
import { promptOf, SYSTEM } from './prompt.ts';
import { RESULT_CHARS } from './tools.ts';
import { Transcript } from './transcript.ts';
import { workspaceTools } from './workspace.ts';

/** What providers put around a request: the marks of its messages, and their own instructions for tools (under 800 tokens). */
const FRAME_TOKENS = 1_024;

/** A character of a JavaScript string has at most this many bytes in UTF-8. */
const BYTES_PER_CHAR = 3;

/**
 * The most input tokens that a request can have. A token stands for at least one byte of text, and the JSON that is measured
 * here has more bytes around each message than a provider has tokens.
 */
export function maxInputTokens({
  system,
  transcript,
  tools,
}: Pick<TurnRequest, 'system' | 'transcript' | 'tools'>): number {
  return byteLength(JSON.stringify([system, transcript, tools])) + FRAME_TOKENS;
}

/**
 * The most input tokens that a request of a task can have, up to the one that follows its recorded turns. The results of
 * the tools that its last turn asked for are unknown, so they count with their full length.
 */
export function maxInputTokensOf(task: TaskJob['task'], contextBytes: number, recorded: readonly Checkpoint[]): number {
  const transcript = new Transcript(promptOf({ task, batchContext: '' }), recorded);
  const tools = task.toolsets?.includes('workspace') ? workspaceTools('/').map(({ definition }) => definition) : [];
  const said = maxInputTokens({ system: SYSTEM, transcript: transcript.withResults([]), tools });
  return said + contextBytes + transcript.pendingCalls.length * RESULT_CHARS * BYTES_PER_CHAR;
}
