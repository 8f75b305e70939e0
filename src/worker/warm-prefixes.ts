import { monotonicMs } from '../base/clock.ts';
import { unlessAborted } from '../base/unless-aborted.ts';

/** How long an attempt waits for the first answer to a request with its prefix. */
const MAX_WAIT_MS = 3_000;
/** Providers keep a prefix for at least 5 minutes after its last use. */
const WARM_MS = 240_000;
/** The maximum number of prefixes in memory. The prefix that was forgotten is warmed again. */
const REMEMBERED = 1_000;

/** A prefix: one attempt makes the first request with it, or a provider has cached it. */
type Prefix = { status: 'warming'; ended: PromiseWithResolvers<void> } | { status: 'warm'; untilMs: number };

/**
 * The beginnings of prompts that attempts of this worker share. The first attempt with a prefix goes ahead and the others
 * wait for its answer, so that the provider writes its cache once and the others read it.
 */
export class WarmPrefixes {
  readonly #known = new Map<string, Prefix>();

  /** Returns the place of one attempt among those with the prefix. */
  placeOf(key: string): PrefixPlace {
    return new PrefixPlace(this.#known, key);
  }
}

/** The place of one attempt among the attempts with its prefix. */
export class PrefixPlace {
  readonly #known: Map<string, Prefix>;
  readonly #key: string;
  #leads: PromiseWithResolvers<void> | undefined;

  constructor(known: Map<string, Prefix>, key: string) {
    this.#known = known;
    this.#key = key;
  }

  /**
   * Resolves when the attempt may send its request: at once if it is the first one or the prefix is warm, else after the
   * answer of the first one, and after 3 s at the latest. If the first one fails, the next one goes ahead.
   * @throws the reason of the signal.
   */
  async ready(signal: AbortSignal): Promise<void> {
    const endMs = monotonicMs() + MAX_WAIT_MS;
    while (this.#leads === undefined) {
      const prefix = this.#known.get(this.#key);
      if (prefix?.status === 'warm' && monotonicMs() < prefix.untilMs) return;
      if (prefix?.status !== 'warming') return this.#lead();
      const leftMs = endMs - monotonicMs();
      if (leftMs <= 0) return;
      await atMost(leftMs, prefix.ended.promise, signal);
    }
  }

  /** Notes that the provider has answered a request with the prefix: the prefix is warm. */
  answered(): void {
    const prefix = this.#known.get(this.#key);
    this.#remember({ status: 'warm', untilMs: monotonicMs() + WARM_MS });
    if (prefix?.status === 'warming') prefix.ended.resolve();
    this.leave();
  }

  /** Lets the next attempt go ahead if this one goes ahead and has no answer. */
  leave(): void {
    if (this.#leads === undefined) return;
    const prefix = this.#known.get(this.#key);
    if (prefix?.status === 'warming' && prefix.ended === this.#leads) this.#known.delete(this.#key);
    this.#leads.resolve();
    this.#leads = undefined;
  }

  #lead(): void {
    this.#leads = Promise.withResolvers<void>();
    this.#remember({ status: 'warming', ended: this.#leads });
  }

  /** The prefix moves to the end, so that those that were used earliest are forgotten first. */
  #remember(prefix: Prefix): void {
    this.#known.delete(this.#key);
    this.#known.set(this.#key, prefix);
    for (const oldest of this.#known.keys()) {
      if (this.#known.size <= REMEMBERED) break;
      this.#known.delete(oldest);
    }
  }
}

/** Waits for `pending`, for `ms` at most. */
async function atMost(ms: number, pending: Promise<void>, signal: AbortSignal): Promise<void> {
  const waited = Promise.withResolvers<void>();
  const timer = setTimeout(() => waited.resolve(), ms);
  try {
    await unlessAborted(Promise.race([pending, waited.promise]), signal);
  } finally {
    clearTimeout(timer);
  }
}
