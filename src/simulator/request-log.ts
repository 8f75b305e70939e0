import type { Wire } from '../contract/route.ts';

/**
 * One request as it was received. It contains the key in plain text, so that a test can prove which key was sent. A key
 * is visible nowhere else.
 */
export type LoggedRequest = {
  /** Counted from 1; also the number in the request id of the answer. */
  seq: number;
  at: string;
  method: string;
  path: string;
  host: string;
  /** `null` if no wire has this path. */
  wire: Wire | null;
  /** The headers that matter, as received. */
  headers: Partial<Record<LoggedHeader, string>>;
  key: string | null;
  model: string | null;
  /** The effort fields as received, by their path in the body. */
  effort: Record<string, unknown>;
  is_stream: boolean;
  tool_count: number;
  turn: number;
  last_user_text: string;
  /** The body, clipped at 64 K characters. */
  body: string;
  /** `null` before the headers are sent. */
  status: number | null;
  /**
   * How the request ended: the answer is `complete`, the client closed the socket first, or the simulator cut it.
   * `null` while the request is in flight.
   */
  ended: 'complete' | 'client_closed' | 'cut' | null;
  ended_at: string | null;
};

/** The headers that a log entry keeps. */
export const LOGGED_HEADERS = ['authorization', 'x-api-key', 'anthropic-version', 'user-agent'] as const;
/** One of {@link LOGGED_HEADERS}. */
export type LoggedHeader = (typeof LOGGED_HEADERS)[number];

/** Called twice for every request: after its body was read, and when it ended or its socket closed. */
export type RequestListener = (request: Readonly<LoggedRequest>, phase: 'received' | 'ended') => void;

/** The last `limit` requests, oldest first. */
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

  /** Adds a request. The caller completes the entry later. */
  open(request: LoggedRequest): void {
    if (this.#entries.length < this.#limit) this.#entries.push(request);
    else {
      this.#entries[this.#oldest] = request;
      this.#oldest = (this.#oldest + 1) % this.#limit;
    }
    this.#inFlight++;
    this.#tell(request, 'received');
  }

  /** Records how a request ended. */
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

  /** Removes all entries. Requests in flight still count. */
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
