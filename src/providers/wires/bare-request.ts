/** What the SDKs know of a request when they ask for it to be built. */
type Wanted = { method: string; body?: unknown; signal?: AbortSignal | null | undefined };

/** What an SDK hands to its `fetch`. */
type Built = { method: string; headers: Headers; body?: string; signal?: AbortSignal };

/** Shared by all requests, and never written to. */
const NO_HEADERS = new Headers();

/**
 * Builds the request of an SDK as method, JSON body and signal, without headers. The SDKs build about fifteen headers for
 * each request, which our `fetch` drops, and compose a signal and a timer, which our own timers make needless. Together
 * they took a tenth of the CPU time of a short call.
 */
export function bareRequest({ method, body, signal }: Wanted): Built {
  return {
    method: method.toUpperCase(),
    headers: NO_HEADERS,
    ...(body !== undefined && { body: JSON.stringify(body) }),
    ...(signal && { signal }),
  };
}
