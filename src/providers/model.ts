import type { ToolResult, Turn } from '../contract/checkpoint.ts';
import type { Cost, Usage } from '../contract/usage.ts';

/** A tool as the model is told of it. `parameters` is a JSON Schema of an object. */
export type ToolDefinition = { name: string; description: string; parameters: Record<string, unknown> };

/** One entry of a conversation. An assistant's turn is the provider's own JSON, opaque to everyone but its wire. */
export type TranscriptEntry =
  | { role: 'user'; text: string }
  | { role: 'assistant'; native: Turn['native'] }
  | { role: 'tools'; results: ToolResult[] };

/**
 * The metadata that the provider stores with a background response. It proves which task of which deployment asked for it.
 */
export type ResponseMark = { errand_deployment: string; errand_task: string };

/** What ties a background response to its turn. Read only if the provider has `background`. */
export type BackgroundTies = {
  mark: ResponseMark;
  /** The response an earlier attempt asked for, for this very turn. */
  known: string | undefined;
  /** Told the id of the response at its first event; nothing more is read until it resolves. */
  note: (id: string) => Promise<void>;
};

/** Who hears of a turn while it streams in. */
export type TurnListeners = Pick<TurnRequest, 'onText' | 'onUsage'>;

/** What is asked of a model in one turn. */
export type TurnRequest = {
  system: string;
  transcript: readonly TranscriptEntry[];
  tools: readonly ToolDefinition[];
  /** The most tokens this turn may generate; what is left of the task's budget. */
  maxOutputTokens: number;
  /** Called with each piece of text as it streams in; what is told of a turn that does not complete. */
  onText?: (piece: string) => void;
  /**
   * Called with the usage that the provider has reported so far, and its cost, at every report. Most providers report only
   * at the end of the turn. Never called if the provider reports nothing, or only zeros.
   */
  onUsage?: (usage: Usage, costUsd: Cost) => void;
  /**
   * Called with both limits if the provider refused the output limit and the call is repeated within the limit that it
   * named.
   */
  onLimit?: (note: string) => void;
  background?: BackgroundTies;
};

/**
 * A model behind one route: the port between the child and the three wires.
 *
 * `turn` resolves only for a complete turn (its terminal event was seen); everything else rejects with an `ErrandError`
 * of a `PROVIDER_…`, `CREDENTIAL_…` or `CONTEXT_TOO_LONG` code, or with `signal.reason` when the signal aborted.
 */
export interface Model {
  turn(request: TurnRequest, signal: AbortSignal): Promise<Turn>;
}
