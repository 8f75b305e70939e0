import { byteLength } from '../base/text.ts';
import type { Checkpoint } from '../contract/checkpoint.ts';
import type { ToolDefinition, TurnRequest } from '../providers/model.ts';
import type { Prompt } from './prompt.ts';
import { RESULT_CHARS } from './tools.ts';
import { Transcript } from './transcript.ts';

/**
 * The tokens that providers add to a request: message markers, and their own instructions for tools (under 800 tokens).
 */
const FRAME_TOKENS = 1_024;

/** The maximum number of UTF-8 bytes of one character of a JavaScript string. */
const BYTES_PER_CHAR = 3;

/**
 * The maximum number of input tokens of a request. A token is at least one byte of text. The JSON measured here has
 * more bytes around each message than a provider adds tokens.
 */
export function maxInputTokens({
  system,
  transcript,
  tools,
}: Pick<TurnRequest, 'system' | 'transcript' | 'tools'>): number {
  return byteLength(JSON.stringify([system, transcript, tools])) + FRAME_TOKENS;
}

/**
 * The maximum number of input tokens of any request of a task, up to the request that follows its recorded turns. The
 * tool results of the last turn are unknown, so they count with their maximum length. The prompt has no shared context:
 * it counts with `contextBytes`. `tools` are the tools that the task may call.
 */
export function maxInputTokensOf(
  { system, first }: Prompt,
  tools: readonly ToolDefinition[],
  contextBytes: number,
  recorded: readonly Checkpoint[],
): number {
  const transcript = new Transcript(first, recorded);
  const known = maxInputTokens({ system, transcript: transcript.withResults([]), tools });
  return known + contextBytes + transcript.pendingCalls.length * RESULT_CHARS * BYTES_PER_CHAR;
}
