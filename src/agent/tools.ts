import { monotonicMs } from '../base/clock.ts';
import { parseForeign } from '../base/foreign.ts';
import { clip, wellFormed } from '../base/text.ts';
import type { ToolCall, ToolResult } from '../contract/checkpoint.ts';
import { type FailureCode, isErrandError, messageOf } from '../errors.ts';
import type { ToolDefinition } from '../providers/model.ts';
import type { Tool, ToolClass } from './tool.ts';
import { runWithin } from './tool-limit.ts';
import type { ToolGate } from './tool-policy.ts';
import { replyOf, ToolReply } from './tool-reply.ts';
import { resultOf } from './tool-result.ts';
import type { ToolSession } from './tool-session.ts';

/** The maximum length of one report of progress, in characters, and the minimum time between two of one call. */
const PROGRESS_CHARS = 1_000;
const PROGRESS_EVERY_MS = 1_000;

/**
 * The toolset of a tool: its name, its session, its failure code, whether its idempotent calls are repeated to restore state, and
 * the toolsets that it requires.
 */
export type ToolOwner = {
  toolset: string;
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
  /** Gets what the tool reports about its progress, at most once a second. */
  onProgress: (text: string) => void;
};

/** The tools of one child, by name. A tool that the policy denies is not shown to the model and never runs. */
export class Tools {
  readonly #allowed = new Map<string, OwnedTool>();
  readonly #denied = new Map<string, OwnedTool>();
  /** The tools as the model sees them, sorted by name: a provider caches a prompt only if its tools never move. */
  readonly definitions: ToolDefinition[];

  constructor(tools: readonly OwnedTool[], gate?: ToolGate) {
    for (const owned of tools) {
      const { name } = owned.tool.definition;
      const isAllowed = gate?.allows(name) ?? true;
      (isAllowed ? this.#allowed : this.#denied).set(name, owned);
    }
    const definitions = [...this.#allowed.values()].map(({ tool }) => tool.definition);
    this.definitions = definitions.sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** Returns the class of a tool that may run; `undefined` if there is no such tool. */
  classOf(name: string): ToolClass | undefined {
    return this.#allowed.get(name)?.tool.class;
  }

  /** Returns what the model reads about a call of a tool that the policy denies; `undefined` for any other name. */
  denialOf(name: string): string | undefined {
    return this.#denied.has(name)
      ? `The tool policy denies ${name}. It did not run, and no call of it will.`
      : undefined;
  }

  /**
   * Returns the owner of a tool whose recorded calls build up state that a new attempt must repeat; else `undefined`.
   */
  restorerOf(name: string): ToolOwner | undefined {
    const owned = this.#owned(name);
    return owned?.restores && owned.tool.class === 'idempotent' ? owned : undefined;
  }

  /** Returns the toolsets whose state a call of the tool may change, although no attempt repeats the call. */
  changedBy(name: string): readonly string[] {
    return this.restorerOf(name) ? [] : (this.#owned(name)?.requires ?? []);
  }

  /**
   * Runs one tool call and returns the result for the model. For an unknown or denied tool, invalid arguments, and a
   * tool that throws or times out, the result is marked as an error.
   *
   * @throws the signal's reason, or ErrandError `CHILD_TOOL_TIMED_OUT` for a tool that does not stop at its limit.
   */
  async call(call: ToolCall, terms: CallTerms): Promise<ToolResult> {
    const failed = (text: string) => resultOf(call.id, new ToolReply({ text, isError: true }));
    const owned = this.#allowed.get(call.name);
    if (!owned) return failed(this.#whyNot(call.name));
    let args: unknown;
    try {
      args = wellFormed(parseForeign(call.arguments.trim() === '' ? '{}' : call.arguments));
    } catch (error) {
      return failed(`The arguments of ${call.name} are not valid JSON: ${messageOf(error)}`);
    }
    try {
      return resultOf(call.id, await run(owned, args, terms));
    } catch (error) {
      terms.signal.throwIfAborted();
      if (isErrandError(error, 'CHILD_TOOL_TIMED_OUT')) throw error;
      return failed(`${call.name} failed: ${messageOf(error)}`);
    }
  }

  /** A tool may be denied that an earlier attempt called. */
  #owned(name: string): OwnedTool | undefined {
    return this.#allowed.get(name) ?? this.#denied.get(name);
  }

  #whyNot(name: string): string {
    const denial = this.denialOf(name);
    if (denial !== undefined) return denial;
    const known = [...this.#allowed.keys()].join(', ') || 'none';
    return `There is no tool "${clip(name, 100)}". Available tools: ${known}.`;
  }
}

async function run({ tool, session }: OwnedTool, args: unknown, terms: CallTerms): Promise<ToolReply> {
  const limitMs = Math.min(terms.limitMs, tool.limitMs ?? terms.limitMs);
  const callId = `${session.taskId}/${terms.place}`;
  const limited = { name: tool.definition.name, limitMs, signal: terms.signal };
  // A tool may report in a loop, or after its end.
  let nextMs = Number.NEGATIVE_INFINITY;
  const progress = (text: string) => {
    if (monotonicMs() < nextMs) return;
    nextMs = monotonicMs() + PROGRESS_EVERY_MS;
    terms.onProgress(clip(wellFormed(String(text)), PROGRESS_CHARS));
  };
  try {
    return replyOf(await runWithin(limited, (signal) => tool.run(args, { callId, signal, progress, session })));
  } finally {
    nextMs = Number.POSITIVE_INFINITY;
  }
}
