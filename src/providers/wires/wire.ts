import type { StopReason, ToolCall, Turn } from '../../contract/checkpoint.ts';
import { NO_USAGE } from '../../contract/usage.ts';
import { ErrandError } from '../../errors.ts';
import { makeCall, type OpenStream, type Reply } from '../call.ts';
import type { Effort } from '../effort.ts';
import type { Model, TurnRequest } from '../model.ts';
import { type BilledUsage, costOf } from '../prices.ts';
import type { ProviderProfile } from '../profile.ts';

/** Where a wire speaks to. `fetch` holds the key and decides address and headers. */
export type Endpoint = { profile: ProviderProfile; fetch: typeof fetch };

/** What a wire asks for in every turn of one task. */
export type WireRoute = { profile: ProviderProfile; model: string; effort: Effort['level'] };

/** Opens the client of a wire once, and makes a model over it for each task. */
export type ConnectWire = (endpoint: Endpoint) => (route: WireRoute) => Model;

/** What gathers the events of one wire into a turn. */
export type WireReply<Event> = Reply<Event> & { turn(): TurnBody };

/** The three things that differ between the wires: the request, the gathering of its events, the call itself. */
export type WireParts<Params, Event> = {
  paramsOf: (route: WireRoute, request: TurnRequest) => Params;
  replyTo: (route: WireRoute, request: TurnRequest) => WireReply<Event>;
  send: (params: Params, signal: AbortSignal, request: TurnRequest) => ReturnType<OpenStream<Event>>;
};

/** Makes a model of what a wire does for one turn. */
export function wireModel<Params, Event>(route: WireRoute, wire: WireParts<Params, Event>): Model {
  return {
    async turn(request, signal) {
      const reply = wire.replyTo(route, request);
      const params = wire.paramsOf(route, request);
      const terms = { profile: route.profile, effort: route.effort, limits: request.limits, signal };
      const requestId = await makeCall(terms, (live) => wire.send(params, live, request), reply);
      return requestId === undefined ? reply.turn() : { ...reply.turn(), request_id: requestId };
    },
  };
}

/** What a wire makes of a complete reply; the request id is known to the call. */
export type TurnBody = Omit<Turn, 'request_id'>;

/**
 * The usage and the cost of a turn. A provider that tells no usage leaves the cost unknown, never 0; one that tells of
 * more input from or to its cache than there was input is taken at the lower figure.
 */
export function billOf({ profile, model }: WireRoute, told: BilledUsage | null): Pick<Turn, 'usage' | 'cost_usd'> {
  if (told === null) return { usage: NO_USAGE, cost_usd: costOf(profile, model, null) };
  const cached_input_tokens = Math.min(told.cached_input_tokens, told.input_tokens);
  const cache_write_tokens = Math.min(told.cache_write_tokens, told.input_tokens - cached_input_tokens);
  const { cache_write_tokens: _, ...usage } = { ...told, cached_input_tokens };
  return { usage, cost_usd: costOf(profile, model, { ...usage, cache_write_tokens }) };
}

/**
 * Why a turn stopped, by the words of its wire. Where it came to its end the calls decide, because some servers end a turn
 * with calls like an answer.
 *
 * @throws ErrandError `PROVIDER_FAILED` for a reason that is not known: an answer that broke off is none.
 */
export function stopFor(
  { profile, model }: WireRoute,
  known: Readonly<Record<string, StopReason>>,
  reason: string | null | undefined,
  calls: readonly ToolCall[],
): StopReason {
  const stop = reason && Object.hasOwn(known, reason) ? known[reason] : undefined;
  if (stop === 'answer' || stop === 'tools') return calls.length > 0 ? 'tools' : 'answer';
  if (stop) return stop;
  const message = `Provider "${profile.name}" ended a turn of ${model} for a reason that is no end: ${reason ?? 'none'}.`;
  throw new ErrandError('PROVIDER_FAILED', message);
}

/** A text as a provider sent it, though its form says text and it sent JSON; empty for one it left out. */
export function textual(sent: unknown): string {
  if (typeof sent === 'string') return sent;
  return sent === undefined || sent === null ? '' : JSON.stringify(sent);
}

/** A number of tokens as a provider told it; 0 for one it left out. */
export function tokens(told: number | null | undefined): number {
  return typeof told === 'number' && Number.isFinite(told) ? Math.max(0, Math.trunc(told)) : 0;
}

/** Hands a provider's own JSON to the transcript. It came out of `JSON.parse`, which is what the cast says. */
export function toNative(json: unknown): Turn['native'] {
  return json as Turn['native'];
}

/** Takes a provider's own JSON back out of the transcript, in the type of the wire that once put it there. */
export function fromNative<T>(native: Turn['native']): T {
  return native as T;
}

/** The output limit of one turn: what the task has left, within what the provider's models may generate. */
export function outputLimit(profile: ProviderProfile, maxOutputTokens: number): number {
  return Math.min(maxOutputTokens, profile.max_output_tokens);
}
