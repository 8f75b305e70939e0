import { parseForeign } from '../base/foreign.ts';
import { byteLength, clip, wellFormed } from '../base/text.ts';
import type { ToolCall, ToolResult } from '../contract/checkpoint.ts';
import { type FailureCode, isErrandError, messageOf } from '../errors.ts';
import type { ToolDefinition } from '../providers/model.ts';
import type { Tool, ToolClass } from './tool.ts';
import { runWithin } from './tool-limit.ts';
import { replyOf, type ToolReply } from './tool-reply.ts';
import type { ToolSession } from './tool-session.ts';

/** The maximum length of a tool result, in characters. A longer result is truncated with a note. */
export const RESULT_CHARS = 64 * 1024;

/** The maximum length of one report of progress, in characters. */
const PROGRESS_CHARS = 1_000;

/**
 * The toolset of a tool: its session, its failure code, whether its idempotent calls are repeated to restore state, and
 * the toolsets that it requires.
 */
export type ToolOwner = {
  session: ToolSession;
  restores: boolean;
  faultCode: FailureCode;
  requires?: readonly string[] | undefined;
};

/** The tools of one child, each with its owner. */
export type OwnedTool = ToolOwner & { tool: Tool };

/** The terms of one call: its place in the task, the signal of the attempt, and the limit of any tool call. */
export type CallTerms = {
  place: string;
  signal: AbortSignal;
  limitMs: number;
  /** Gets what the tool reports about its progress. */
  onProgress: (text: string) => void;
};

/** The tools of one child, by name. */
export class Tools {
  readonly #byName: ReadonlyMap<string, OwnedTool>;

  constructor(tools: readonly OwnedTool[]) {
    this.#byName = new Map(tools.map((owned) => [owned.tool.definition.name, owned]));
  }

  /** The tools as the model sees them, sorted by name: a provider caches a prompt only if its tools never move. */
  get definitions(): ToolDefinition[] {
    const definitions = [...this.#byName.values()].map(({ tool }) => tool.definition);
    return definitions.sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** Returns the class of a tool; `undefined` if there is no such tool. */
  classOf(name: string): ToolClass | undefined {
    return this.#byName.get(name)?.tool.class;
  }

  /**
   * Returns the owner of a tool whose recorded calls build up state that a new attempt must repeat; else `undefined`.
   */
  restorerOf(name: string): ToolOwner | undefined {
    const owned = this.#byName.get(name);
    return owned?.restores && owned.tool.class === 'idempotent' ? owned : undefined;
  }

  /** Returns whether one of these calls may have changed the state of another toolset, such as its files. */
  changesOthers(calls: readonly { tool: string }[]): boolean {
    return calls.some(({ tool }) => (this.#byName.get(tool)?.requires ?? []).length > 0);
  }

  /**
   * Runs one tool call and returns the result for the model. For an unknown tool, invalid arguments, and a tool that
   * throws or times out, the result is marked as an error.
   *
   * @throws the signal's reason, or ErrandError `CHILD_TOOL_TIMED_OUT` for a tool that does not stop at its limit.
   */
  async call(call: ToolCall, terms: CallTerms): Promise<ToolResult> {
    const answer = (text: string, isError: boolean) => ({ call_id: call.id, text: limit(text), is_error: isError });
    const owned = this.#byName.get(call.name);
    if (!owned) {
      const known = [...this.#byName.keys()].join(', ') || 'none';
      return answer(`There is no tool "${clip(call.name, 100)}". Available tools: ${known}.`, true);
    }
    let args: unknown;
    try {
      args = wellFormed(parseForeign(call.arguments.trim() === '' ? '{}' : call.arguments));
    } catch (error) {
      return answer(`The arguments of ${call.name} are not valid JSON: ${messageOf(error)}`, true);
    }
    try {
      const { text, isError } = await run(owned, args, terms);
      return answer(text, isError);
    } catch (error) {
      terms.signal.throwIfAborted();
      if (isErrandError(error, 'CHILD_TOOL_TIMED_OUT')) throw error;
      return answer(`${call.name} failed: ${messageOf(error)}`, true);
    }
  }
}

async function run({ tool, session }: OwnedTool, args: unknown, terms: CallTerms): Promise<ToolReply> {
  const limitMs = Math.min(terms.limitMs, tool.limitMs ?? terms.limitMs);
  const callId = `${session.taskId}/${terms.place}`;
  const progress = (text: string) => terms.onProgress(clip(wellFormed(String(text)), PROGRESS_CHARS));
  const limited = { name: tool.definition.name, limitMs, signal: terms.signal };
  return replyOf(await runWithin(limited, (signal) => tool.run(args, { callId, signal, progress, session })));
}

/**
 * The maximum size of the tool results of one turn in its checkpoint, in bytes of JSON. The reply takes up to 3 MiB
 * more.
 */
const RESULTS_BYTES = 768 * 1024;

/** Cuts the longest results of one turn until all of them fit into a checkpoint. Returns a turn that fits unchanged. */
export function fitResults(results: ToolResult[]): ToolResult[] {
  const sizes = results.map(({ text }) => jsonBytes(text));
  if (sizes.reduce((sum, size) => sum + size, 0) <= RESULTS_BYTES) return results;
  const share = Math.floor(RESULTS_BYTES / results.length);
  return results.map((result, at) =>
    (sizes[at] ?? 0) <= share ? result : { ...result, text: cutTo(result.text, share) },
  );
}

function cutTo(text: string, bytes: number): string {
  const note = `\n[truncated to fit beside the results of other calls; the full result has ${text.length} characters]`;
  let kept = text;
  while (jsonBytes(kept) > bytes - note.length - 4) kept = clip(kept, Math.floor(kept.length * 0.8));
  return `${kept}${note}`;
}

function jsonBytes(text: string): number {
  return byteLength(JSON.stringify(text));
}

function limit(text: string): string {
  const whole = wellFormed(text);
  if (whole.length <= RESULT_CHARS) return whole;
  return `${clip(whole, RESULT_CHARS)}\n[truncated; the full result has ${text.length} characters]`;
}
