import { typeOf } from '../../contract/plain-json.ts';

/** The maximum size of one response. A stream of events may last as long as its session. */
const MAX_BYTES = 32 * 1024 * 1024;

/**
 * Makes the `fetch` of one server: it adds the credential, follows no redirect, reaches no other origin, and ends a
 * response that is too large.
 */
export function serverFetch(url: string, authorization: Readonly<Record<string, string>>): typeof fetch {
  const { origin } = new URL(url);
  return async (input, init) => {
    const address = new URL(input instanceof Request ? input.url : input);
    if (address.origin !== origin) throw new Error(`expected a request to ${origin}, got ${address.origin}`);
    const headers = new Headers(init?.headers);
    for (const [name, value] of Object.entries(authorization)) headers.set(name, value);
    const response = await fetch(address, { ...init, headers, redirect: 'error' });
    if (response.body === null) return response;
    const { status, statusText, headers: received } = response;
    return new Response(response.body.pipeThrough(limited()), { status, statusText, headers: received });
  };
}

function limited(): TransformStream<Uint8Array, Uint8Array> {
  let left = MAX_BYTES;
  return new TransformStream({
    transform: (chunk, controller) => {
      if (!(chunk instanceof Uint8Array)) throw new Error(`expected bytes, got ${typeOf(chunk)}`);
      left -= chunk.byteLength;
      if (left < 0) controller.error(new Error(`the response is larger than ${MAX_BYTES} bytes`));
      else controller.enqueue(chunk);
    },
  });
}
