import type { ReasoningEffort } from '../contract/effort.ts';
import type { EffectiveRoute, Wire } from '../contract/route.ts';
import { ErrandError } from '../errors.ts';
import { effortFor } from './effort.ts';
import { createProviderFetch, type WireCredential } from './fetch.ts';
import type { Model } from './model.ts';
import type { ProviderProfile } from './profile.ts';
import { createChatModel } from './wires/chat.ts';
import { createMessagesModel } from './wires/messages.ts';
import { createResponsesModel } from './wires/responses.ts';
import type { CreateWireModel } from './wires/wire.ts';

const WIRES: Record<Wire, CreateWireModel> = {
  responses: createResponsesModel,
  chat: createChatModel,
  messages: createMessagesModel,
};

/** How long closing waits for aborted calls to end; they end within milliseconds or something is wrong. */
const CLOSE_WAIT_MS = 1_000;

/** What a model is made from. The provider is the profile's; a route names what is used of it. */
export type ModelOptions = {
  profile: ProviderProfile;
  route: { model: string; reasoning_effort?: ReasoningEffort | undefined };
  credential: WireCredential;
};

/** What closing saw: calls in flight before it aborted them, and after it waited for their end. */
export type Closing = { aborted: number; inFlight: number };

/** A model, what it really runs on, and the way to give it back. */
export type ModelHandle = {
  model: Model;
  effective: EffectiveRoute;
  /** Aborts every call in flight, waits for them to end, and refuses further ones. Never rejects; may be repeated. */
  close(): Promise<Closing>;
};

/** The calls of one model that are under way, and the signal that ends them all. */
class CallsInFlight {
  readonly #closing = new AbortController();
  readonly #calls = new Set<Promise<unknown>>();

  async run<T>(signal: AbortSignal, start: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const call = start(AbortSignal.any([signal, this.#closing.signal]));
    this.#calls.add(call);
    try {
      return await call;
    } finally {
      this.#calls.delete(call);
    }
  }

  async close(why: ErrandError): Promise<Closing> {
    const aborted = this.#calls.size;
    this.#closing.abort(why);
    if (aborted > 0) await this.#ended();
    return { aborted, inFlight: this.#calls.size };
  }

  async #ended(): Promise<void> {
    const { promise: waited, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, CLOSE_WAIT_MS);
    await Promise.race([Promise.allSettled(this.#calls), waited]);
    clearTimeout(timer);
  }
}

/**
 * Makes the model behind one route with one credential; no request is made yet. Cheap enough to make for each task.
 *
 * @throws ErrandError `ROUTE_UNSUPPORTED` where the provider's `effort_policy` is `strict` and the model does not take
 * the effort.
 */
export function createModel({ profile, route, credential }: ModelOptions): ModelHandle {
  const effort = effortFor(profile, route.model, route.reasoning_effort);
  const wire = WIRES[profile.wire]({
    profile,
    model: route.model,
    effort: effort.level,
    fetch: createProviderFetch(profile, credential),
  });
  const calls = new CallsInFlight();
  return {
    model: { turn: (request, signal) => calls.run(signal, (live) => wire.turn(request, live)) },
    effective: {
      provider: profile.name,
      model: route.model,
      reasoning_effort: effort.level,
      effort_treatment: effort.treatment,
      endpoint_host: new URL(profile.base_url).host,
      wire: profile.wire,
      credential_id: credential.id,
    },
    close: () => calls.close(new ErrandError('INTERNAL', `The model of provider "${profile.name}" was closed.`)),
  };
}
