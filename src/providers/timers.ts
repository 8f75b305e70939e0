import { ErrandError, type FailureCode } from '../errors.ts';
import type { CallLimits, TimeLimit } from './call-limits.ts';

type Limit = keyof CallLimits;

/** For each limit: the code of its error, what the provider did not send in time, and when a higher limit helps. */
const EXPIRY: Record<Limit, { code: FailureCode; missing: string; cure: string }> = {
  headers_ms: { code: 'PROVIDER_TIMED_OUT', missing: 'no response headers', cure: 'if the provider is only slow' },
  first_token_ms: {
    code: 'PROVIDER_FIRST_TOKEN_TIMED_OUT',
    missing: 'headers but no first event',
    cure: 'if the model thinks for a long time before it answers',
  },
  idle_ms: {
    code: 'PROVIDER_STREAM_STALLED',
    missing: 'no further event',
    cure: 'if the model pauses for a long time',
  },
  turn_ms: { code: 'PROVIDER_TURN_TIMED_OUT', missing: 'no complete turn', cure: 'or ask for less in one turn' },
};

/**
 * Text, calls and usage may follow the reason for the end of a turn (docs/internals/sdks.md). Without an event for this long,
 * the turn is complete.
 */
const FINISH_MS = 10_000;

/**
 * Applies the four limits of one model call to one signal. It uses two timers: one for the whole call, and one for the current
 * phase. Each event refreshes the second timer.
 */
export class CallTimers {
  readonly #controller = new AbortController();
  readonly #provider: string;
  readonly #limits: CallLimits;
  readonly #caller: AbortSignal;
  readonly #leave: () => void;
  readonly #turn: NodeJS.Timeout;
  #phase: NodeJS.Timeout;
  #limit: Limit = 'headers_ms';
  #isFinished = false;

  /** Aborts when the caller's signal aborts, or when a limit expires. */
  readonly signal: AbortSignal;

  /** `provider` is a name, for messages. */
  constructor(provider: string, limits: CallLimits, caller: AbortSignal) {
    this.#provider = provider;
    this.#limits = limits;
    this.signal = this.#controller.signal;
    this.#caller = caller;
    this.#leave = () => this.#controller.abort(caller.reason);
    caller.addEventListener('abort', this.#leave, { once: true });
    this.#turn = this.#start('turn_ms');
    this.#phase = this.#start(this.#limit);
  }

  /** Starts waiting for the first event. */
  headersArrived(): void {
    this.#enter('first_token_ms');
  }

  /** Starts waiting for the next event. */
  eventArrived(): void {
    if (this.#limit === 'idle_ms') this.#phase.refresh();
    else this.#enter('idle_ms');
  }

  /** Starts waiting for events after the reason for the end of a turn. Closes the connection if no event comes. */
  finishedEventArrived(): void {
    if (this.#isFinished) this.#phase.refresh();
    else this.#awaitEnd();
  }

  /** Extends the wait for the next event, because the stream sent something without content. Not before the first event. */
  streamIsAlive(): void {
    if (this.#limit === 'idle_ms' && !this.#isFinished) this.#phase.refresh();
  }

  /** Closes the connection of the call, if it is still open. */
  closeConnection(): void {
    this.#controller.abort();
  }

  /** The error of the limit that expired; `undefined` if none did. */
  get expired(): ErrandError | undefined {
    const { reason } = this.#controller.signal;
    return reason instanceof ErrandError ? reason : undefined;
  }

  /** Clears both timers. */
  stop(): void {
    clearTimeout(this.#phase);
    clearTimeout(this.#turn);
    this.#caller.removeEventListener('abort', this.#leave);
  }

  #awaitEnd(): void {
    this.#isFinished = true;
    clearTimeout(this.#phase);
    this.#phase = setTimeout(() => this.closeConnection(), Math.min(FINISH_MS, this.#limits.idle_ms.ms));
  }

  #enter(limit: Limit): void {
    this.#limit = limit;
    clearTimeout(this.#phase);
    this.#phase = this.#start(limit);
  }

  #start(limit: Limit): NodeJS.Timeout {
    const allowed = this.#limits[limit];
    return setTimeout(() => this.#expire(limit, allowed), allowed.ms);
  }

  #expire(limit: Limit, { ms, source }: TimeLimit): void {
    const { code, missing, cure } = EXPIRY[limit];
    const message = `Provider "${this.#provider}" sent ${missing} within ${durationOf(ms)} (${source}).`;
    const setting = source.startsWith('budget.') ? source : `providers.${this.#provider}.timeouts.${limit}`;
    this.#controller.abort(new ErrandError(code, message, { remedy: `Raise ${setting}, ${cure}.` }));
  }
}

/** A duration in whole seconds if it has some, else in milliseconds. */
function durationOf(ms: number): string {
  return ms % 1000 === 0 ? `${ms / 1000} s` : `${ms} ms`;
}
