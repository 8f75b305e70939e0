import type { Wire } from '../contract/route.ts';

/**
 * One request as it was received. Holds the key in plain text: the simulator is the one place where a key may be seen,
 * so that a test can prove which one was sent.
 */
export type LoggedRequest = {
  /** Counted from 1; also the number in the request id of the answer. */
  seq: number;
  at: string;
  method: string;
  path: string;
  host: string;
  /** `null` where the path belongs to no wire. */
  wire: Wire | null;
  /** The headers that matter, as received. */
  headers: Partial<Record<LoggedHeader, string>>;
  key: string | null;
  model: string | null;
  /** Every effort field as received, by its path in the body. */
  effort: Record<string, unknown>;
  is_stream: boolean;
  tool_count: number;
  turn: number;
  last_user_text: string;
  /** The body, clipped at 64 K characters. */
  body: string;
  /** `null` while no headers have been sent. */
  status: number | null;
  /**
   * How it ended: answered `complete`, the client closed the socket first, or the simulator cut it. `null` while it is
   * in flight.
   */
  ended: 'complete' | 'client_closed' | 'cut' | null;
  ended_at: string | null;
};

/** The headers a log entry keeps. */
export const LOGGED_HEADERS = ['authorization', 'x-api-key', 'anthropic-version', 'user-agent'] as const;
/** One of {@link LOGGED_HEADERS}. */
export type LoggedHeader = (typeof LOGGED_HEADERS)[number];

/** Told of every request twice: when its body has been read, and when it ended or its socket closed. */
export type RequestListener = (request: Readonly<LoggedRequest>, phase: 'received' | 'ended') => void;

/** The last requests, oldest first, in a ring of `limit`. */
export class RequestLog {
  readonly #limit: number;
  readonly #listeners = new Set<RequestListener>();
  #entries: LoggedRequest[] = [];
  #oldest = 0;
  #inFlight = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Requests received that have not ended. */
  get inFlight(): number {
    return this.#inFlight;
  }

  /** Adds a request. The caller keeps the entry and completes it. */
  open(request: LoggedRequest): void {
    if (this.#entries.length < this.#limit) this.#entries.push(request);
    else {
      this.#entries[this.#oldest] = request;
      this.#oldest = (this.#oldest + 1) % this.#limit;
    }
    this.#inFlight++;
    this.#tell(request, 'received');
  }

  /** Writes down how a request ended. */
  close(request: LoggedRequest, ended: NonNullable<LoggedRequest['ended']>, at: string): void {
    request.ended = ended;
    request.ended_at = at;
    this.#inFlight--;
    this.#tell(request, 'ended');
  }

  /** All entries, oldest first. */
  list(): LoggedRequest[] {
    return [...this.#entries.slice(this.#oldest), ...this.#entries.slice(0, this.#oldest)];
  }

  /** Forgets the entries. Requests in flight still count. */
  clear(): void {
    this.#entries = [];
    this.#oldest = 0;
  }

  /** Adds a listener; returns the function that removes it. */
  onRequest(listener: RequestListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #tell(request: LoggedRequest, phase: 'received' | 'ended'): void {
    for (const listener of this.#listeners) listener(request, phase);
  }
}
