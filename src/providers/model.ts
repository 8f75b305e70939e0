import type { ToolResult, Turn } from '../contract/checkpoint.ts';
import type { Cost, Usage } from '../contract/usage.ts';

/** A tool as it is described to the model. `parameters` is a JSON Schema of an object. */
export type ToolDefinition = { name: string; description: string; parameters: Record<string, unknown> };

/**
 * The first message of a conversation. `shared` comes before `text`: the part that other tasks of the batch send with
 * the same bytes, so that a provider can cache it.
 */
export type UserEntry = { role: 'user'; shared?: string; text: string };

/** One entry of a conversation. A turn of the assistant is the provider's own JSON, which only its wire reads. */
export type TranscriptEntry =
  | UserEntry
  | { role: 'assistant'; native: Turn['native'] }
  | { role: 'tools'; results: ToolResult[] };

/**
 * The metadata that the provider stores with a background response. It proves which task of which deployment asked for it.
 */
export type ResponseMark = { errand_deployment: string; errand_task: string };

/** Connects a background response with its turn. Used only if the provider has `background`. */
export type BackgroundTies = {
  mark: ResponseMark;
  /** The id of the response that an earlier attempt requested for this turn. */
  known: string | undefined;
  /** Called with the id of the response at its first event. Nothing more is read until it resolves. */
  note: (id: string) => Promise<void>;
};

/** The listeners of a turn while it streams in. */
export type TurnListeners = Pick<TurnRequest, 'onText' | 'onUsage'>;

/** The request of one turn. */
export type TurnRequest = {
  system: string;
  transcript: readonly TranscriptEntry[];
  tools: readonly ToolDefinition[];
  /** The maximum number of tokens that this turn may generate, within the remaining budget of the task. */
  maxOutputTokens: number;
  /** Called with each piece of text as it streams in, also for a turn that does not complete. */
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
 * A model behind one route. It is the port between the child and the three wires.
 *
 * `turn` resolves only for a complete turn. Otherwise it rejects: with `signal.reason` if the signal aborted, else with
 * an `ErrandError` of a `PROVIDER_…`, `CREDENTIAL_…` or `CONTEXT_TOO_LONG` code.
 */
export interface Model {
  turn(request: TurnRequest, signal: AbortSignal): Promise<Turn>;
}
