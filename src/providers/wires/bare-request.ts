import type { Endpoint } from './wire.ts';

/** The request that an SDK wants to be built. */
type Wanted = {
  method: string;
  path: string;
  query?: object | null | undefined;
  defaultBaseURL?: string | undefined;
  body?: unknown;
  signal?: AbortSignal | null | undefined;
};

/** The part of an SDK client that builds and sends a request. */
type Client = {
  timeout: number;
  buildURL(path: string, query: Record<string, unknown>, defaultBaseURL?: string): string;
};

/** The request that an SDK passes to its `fetch`. */
type Built = { method: string; headers: Headers; body?: string; signal?: AbortSignal };

/** Shared by all requests, and never changed. */
const NO_HEADERS = new Headers();

/**
 * Builds the request of an SDK as method, JSON body and signal, without headers, signal or timer of the SDK: our
 * `fetch` writes the headers, and our timers limit the call. This saves a tenth of the CPU time of a short call
 * (docs/decisions/2026-11-22-our-own-transport.md).
 */
function bareRequest({ method, body, signal }: Wanted): Built {
  return {
    method: method.toUpperCase(),
    headers: NO_HEADERS,
    ...(body !== undefined && { body: JSON.stringify(body) }),
    ...(signal && { signal }),
  };
}

/** Makes a client of an SDK build bare requests and pass them to our `fetch` unchanged. Returns the client. */
export function sendingBare<C extends Client>(client: C, fetch: Endpoint['fetch']): C {
  return Object.assign(client, {
    buildRequest: async (wanted: Wanted) => {
      const url = client.buildURL(wanted.path, { ...wanted.query }, wanted.defaultBaseURL);
      return { req: bareRequest(wanted), url, timeout: client.timeout };
    },
    fetchWithTimeout: (...[url, init]: Parameters<Endpoint['fetch']>) => fetch(url, init),
  });
}
