import type { Turn } from '../../contract/checkpoint.ts';
import { NO_USAGE } from '../../contract/usage.ts';
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
      const terms = { profile: route.profile, limits: request.limits, signal };
      const requestId = await makeCall(terms, (live) => wire.send(params, live, request), reply);
      return requestId === undefined ? reply.turn() : { ...reply.turn(), request_id: requestId };
    },
  };
}

/** What a wire makes of a complete reply; the request id is known to the call. */
export type TurnBody = Omit<Turn, 'request_id'>;

/** The usage and the cost of a turn. A provider that tells no usage leaves the cost unknown, never 0. */
export function billOf({ profile, model }: WireRoute, billed: BilledUsage | null): Pick<Turn, 'usage' | 'cost_usd'> {
  const cost_usd = costOf(profile, model, billed);
  if (billed === null) return { usage: NO_USAGE, cost_usd };
  const { cache_write_tokens: _, ...usage } = billed;
  return { usage, cost_usd };
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
