import type { Endpoint } from './wire.ts';

/** What the SDKs know of a request when they ask for it to be built. */
type Wanted = {
  method: string;
  path: string;
  query?: object | null | undefined;
  defaultBaseURL?: string | undefined;
  body?: unknown;
  signal?: AbortSignal | null | undefined;
};

/** As much of an SDK client as builds and sends a request. */
type Client = {
  timeout: number;
  buildURL(path: string, query: Record<string, unknown>, defaultBaseURL?: string): string;
};

/** What an SDK hands to its `fetch`. */
type Built = { method: string; headers: Headers; body?: string; signal?: AbortSignal };

/** Shared by all requests, and never written to. */
const NO_HEADERS = new Headers();

/**
 * Builds the request of an SDK as method, JSON body and signal, without headers. The SDKs build about fifteen headers for
 * each request, which our `fetch` drops, and compose a signal and a timer, which our own timers make needless. Together
 * they took a tenth of the CPU time of a short call.
 */
function bareRequest({ method, body, signal }: Wanted): Built {
  return {
    method: method.toUpperCase(),
    headers: NO_HEADERS,
    ...(body !== undefined && { body: JSON.stringify(body) }),
    ...(signal && { signal }),
  };
}

/** Makes a client of an SDK build its requests bare, and hand them to our `fetch` as they are. Returns the client. */
export function sendingBare<C extends Client>(client: C, fetch: Endpoint['fetch']): C {
  return Object.assign(client, {
    buildRequest: async (wanted: Wanted) => {
      const url = client.buildURL(wanted.path, { ...wanted.query }, wanted.defaultBaseURL);
      return { req: bareRequest(wanted), url, timeout: client.timeout };
    },
    fetchWithTimeout: (...[url, init]: Parameters<Endpoint['fetch']>) => fetch(url, init),
  });
}
