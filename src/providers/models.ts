import type { Secret } from '../base/secret.ts';
import { effortFor } from '../catalogue/effort.ts';
import { PriceBook } from '../catalogue/prices.ts';
import type { Provider } from '../catalogue/provider.ts';
import type { ReasoningEffort } from '../contract/effort.ts';
import type { EffectiveRoute, Wire } from '../contract/route.ts';
import type { Cost, Usage } from '../contract/usage.ts';
import { ErrandError } from '../errors.ts';
import { type CallLimits, callLimitsOf } from './call-limits.ts';
import { Connections } from './connections.ts';
import { createProviderFetch, type WireCredential } from './fetch.ts';
import type { Model, ResponseMark } from './model.ts';
import type { ConnectWire } from './wires/wire.ts';
import { withinNamedLimit, withinSize } from './within-limit.ts';

/** A wire is loaded with its first model: an SDK takes 30 MB and 100 ms, and few deployments use both. */
const WIRES: Record<Wire, () => Promise<ConnectWire>> = {
  responses: async () => (await import('./wires/responses.ts')).connectResponses,
  chat: async () => (await import('./wires/chat.ts')).connectChat,
  messages: async () => (await import('./wires/messages.ts')).connectMessages,
};

/** How long `close` waits for aborted calls to end. They normally end within milliseconds. */
const CLOSE_WAIT_MS = 1_000;

/** The parts that a model is made from. The route names the model and the effort. */
export type ModelOptions = {
  provider: Provider;
  route: { model: string; reasoning_effort?: ReasoningEffort | undefined };
  credential: WireCredential;
  /** The limits of each call. @default those of the provider */
  limits?: CallLimits;
  /** The same for requests with a common beginning; a provider with `prompt_cache` gets it. */
  cacheKey?: string;
};

/** Makes the models of one provider with one credential. */
type Connect = ReturnType<ConnectWire>;

/** How many calls were in flight: before `close` aborted them, and after it waited for their end. */
export type Closing = { aborted: number; inFlight: number };

/** A model, its effective route, its prices, and the function that closes it. */
export type ModelHandle = {
  model: Model;
  effective: EffectiveRoute;
  /** The cost of these tokens in US dollars; `null` if the price is unknown. */
  costOf(usage: Usage): Cost;
  /** Aborts every call in flight, waits until they end, and refuses further calls. Never rejects; may be repeated. */
  close(): Promise<Closing>;
};

/** The calls of one model that are in flight. It can abort all of them. */
class CallsInFlight {
  readonly #calls = new Map<Promise<unknown>, AbortController>();
  #why: (() => ErrandError) | undefined;

  async run<T>(signal: AbortSignal, start: (signal: AbortSignal) => Promise<T>): Promise<T> {
    if (this.#why) throw this.#why();
    signal.throwIfAborted();
    const controller = new AbortController();
    const abort = () => controller.abort(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
    const call = start(controller.signal);
    this.#calls.set(call, controller);
    try {
      return await call;
    } finally {
      this.#calls.delete(call);
      signal.removeEventListener('abort', abort);
    }
  }

  async close(why: () => ErrandError): Promise<Closing> {
    this.#why = why;
    const aborted = this.#calls.size;
    for (const controller of this.#calls.values()) controller.abort(why());
    if (aborted > 0) await this.#ended();
    return { aborted, inFlight: this.#calls.size };
  }

  async #ended(): Promise<void> {
    const { promise: waited, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, CLOSE_WAIT_MS);
    await Promise.race([Promise.allSettled(this.#calls.keys()), waited]);
    clearTimeout(timer);
  }
}

/**
 * Makes models, and keeps one SDK client for each provider and credential: opening one for each task would cost 30 µs
 * and 6 KB.
 */
export class Models {
  readonly #connected = new WeakMap<Secret, Map<Provider, Promise<Connect>>>();
  readonly #connections: Connections;
  readonly #prices: PriceBook;

  /** `connections`: used by all calls. `prices`: the prices that are already known. */
  constructor({ connections = new Connections(), prices = new PriceBook() } = {}) {
    this.#connections = connections;
    this.#prices = prices;
  }

  /**
   * Makes the model behind one route with one credential; no request is made yet.
   *
   * @throws ErrandError `ROUTE_UNSUPPORTED` if the provider's `effort_policy` is `strict` and the model does not accept
   * the effort.
   */
  async open({ provider, route, credential, limits, cacheKey }: ModelOptions): Promise<ModelHandle> {
    const effort = effortFor(provider, route.model, route.reasoning_effort);
    const connect = await this.#connect(provider, credential);
    const prices = this.#prices.of(provider);
    const wire = connect({
      ...{ provider, prices, model: route.model, effort: effort.level, cacheKey },
      limits: limits ?? callLimitsOf(provider, effort.level),
    });
    const bounded = withinNamedLimit(provider, withinSize(provider, wire));
    const calls = new CallsInFlight();
    return {
      model: { turn: (request, signal) => calls.run(signal, (live) => bounded.turn(request, live)) },
      effective: {
        provider: provider.name,
        model: route.model,
        reasoning_effort: effort.level,
        effort_treatment: effort.treatment,
        endpoint_host: new URL(provider.base_url).host,
        wire: provider.wire,
        credential_id: credential.id,
      },
      costOf: (usage) => prices.costOf(route.model, { ...usage, cache_write_tokens: 0 }),
      close: () =>
        calls.close(() => new ErrandError('INTERNAL', `The model of provider "${provider.name}" was closed.`)),
    };
  }

  /** Cancels a background response; see `cancelResponse` of its wire. */
  async cancel(
    provider: Provider,
    credential: WireCredential,
    response: { id: string; mark: ResponseMark },
    signal: AbortSignal,
  ): Promise<string> {
    const { cancelResponse } = await import('./wires/background.ts');
    const fetch = createProviderFetch(provider, credential, this.#connections);
    return cancelResponse({ provider, fetch }, response, signal);
  }

  #connect(provider: Provider, credential: WireCredential): Promise<Connect> {
    const ofCredential = this.#connected.get(credential.secret) ?? new Map();
    this.#connected.set(credential.secret, ofCredential);
    const known = ofCredential.get(provider);
    if (known) return known;
    const fetch = createProviderFetch(provider, credential, this.#connections);
    const connected = WIRES[provider.wire]().then((connect) => connect({ provider, fetch }));
    ofCredential.set(provider, connected);
    return connected;
  }
}
