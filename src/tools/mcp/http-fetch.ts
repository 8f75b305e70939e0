import { typeOf } from '../../contract/plain-json.ts';

/** The maximum size of one response, or of one event of a stream of events, which lasts as long as its session. */
const MAX_BYTES = 32 * 1024 * 1024;
const LINE_FEED = 10;
const CARRIAGE_RETURN = 13;

/**
 * Makes the `fetch` of one server: it adds the credential, follows no redirect, reaches no other origin, and ends a
 * response that is too large.
 *
 * It does not check the address that the name of the server resolves to: the operator wrote the name, which may well be
 * of a private network, and neither a model nor a task has any part in it. So no checked answer could change later.
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
    const isStream = received.get('content-type')?.startsWith('text/event-stream') ?? false;
    return new Response(response.body.pipeThrough(limited(isStream)), { status, statusText, headers: received });
  };
}

function limited(isStream: boolean): TransformStream<Uint8Array, Uint8Array> {
  let bytes = 0;
  let isLineEmpty = false;
  const count = (byte: number) => {
    bytes++;
    if (byte === CARRIAGE_RETURN) return;
    // An empty line ends an event.
    if (isStream && isLineEmpty && byte === LINE_FEED) bytes = 0;
    isLineEmpty = byte === LINE_FEED;
  };
  return new TransformStream({
    transform: (chunk, controller) => {
      if (!(chunk instanceof Uint8Array)) throw new Error(`expected bytes, got ${typeOf(chunk)}`);
      for (const byte of chunk) count(byte);
      if (bytes > MAX_BYTES) controller.error(new Error(`the response is larger than ${MAX_BYTES} bytes`));
      else controller.enqueue(chunk);
    },
  });
}
