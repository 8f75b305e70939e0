import { byteLength } from '../base/text.ts';
import type { Checkpoint } from '../contract/checkpoint.ts';
import type { ToolDefinition, TranscriptEntry, TurnRequest } from '../providers/model.ts';
import type { Prompt } from './prompt.ts';
import { RESULT_BYTES, TURN_IMAGES } from './tool-result.ts';
import { Transcript } from './transcript.ts';

/**
 * The tokens that providers add to a request: message markers, and their own instructions for tools (under 800 tokens).
 */
const FRAME_TOKENS = 1_024;

/** The maximum number of tokens of one image. Providers count its size in pixels, not its bytes. */
const IMAGE_TOKENS = 16_384;

/**
 * The maximum number of input tokens of a request. A token is at least one byte of text. The JSON measured here has
 * more bytes around each message than a provider adds tokens.
 */
export function maxInputTokens({
  system,
  transcript,
  tools,
}: Pick<TurnRequest, 'system' | 'transcript' | 'tools'>): number {
  let images = 0;
  const text = JSON.stringify([system, transcript.map(withoutImages), tools]);
  return byteLength(text) + images * IMAGE_TOKENS + FRAME_TOKENS;

  function withoutImages(entry: TranscriptEntry): TranscriptEntry {
    if (entry.role !== 'tools') return entry;
    const results = entry.results.map(({ images: given = [], ...result }) => {
      images += given.length;
      return result;
    });
    return { role: 'tools', results };
  }
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
  const calls = transcript.pendingCalls.length;
  const unknown = calls === 0 ? 0 : calls * RESULT_BYTES + TURN_IMAGES * IMAGE_TOKENS;
  return known + contextBytes + unknown;
}
