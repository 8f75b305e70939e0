import type { Turn } from '../../contract/checkpoint.ts';
import { NO_USAGE } from '../../contract/usage.ts';
import type { Effort } from '../effort.ts';
import type { Model } from '../model.ts';
import { type BilledUsage, costOf } from '../prices.ts';
import type { ProviderProfile } from '../profile.ts';

/** What every wire is made from. `fetch` holds the key and decides address and headers. */
export type WireOptions = {
  profile: ProviderProfile;
  model: string;
  effort: Effort['level'];
  fetch: typeof fetch;
};

/** Makes the model behind one route, on one wire. */
export type CreateWireModel = (options: WireOptions) => Model;

/** What a wire makes of a complete reply; the request id is known to the call. */
export type TurnBody = Omit<Turn, 'request_id'>;

/** Finishes a turn with the provider's id of its request, where it sent one. */
export function finishTurn(body: TurnBody, requestId: string | undefined): Turn {
  return requestId === undefined ? body : { ...body, request_id: requestId };
}

/** The usage and the cost of a turn. A provider that tells no usage leaves the cost unknown, never 0. */
export function billOf({ profile, model }: WireOptions, billed: BilledUsage | null): Pick<Turn, 'usage' | 'cost_usd'> {
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
