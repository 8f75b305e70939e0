import { request } from 'undici';
import type { Secret } from '../base/secret.ts';
import type { Provider } from '../catalogue/provider.ts';
import type { Wire } from '../contract/route.ts';
import { ErrandError } from '../errors.ts';
import { discard, type RawAnswer, responseOf } from './answer.ts';
import type { Connections } from './connections.ts';
import { malformed } from './malformed.ts';

/** The parts of a credential that a wire needs: the value, and the id that may appear in messages. */
export type WireCredential = { id: string; secret: Secret };

/** The key that the SDK clients get. The `fetch` of {@link createProviderFetch} sends the real key. */
export const KEY_HELD_BY_FETCH = 'held-by-fetch';

/** `@anthropic-ai/sdk` 1.12.0 is generated from this version of the API; a test compares them. */
const WIRE_HEADERS: Record<Wire, Record<string, string>> = {
  responses: {},
  chat: {},
  messages: { 'anthropic-version': '2026-10-21' },
};

const REDIRECTS = new Set([301, 302, 303, 307, 308]);

/**
 * Resolves with the answer, or rejects with the reason of the signal when it aborts: undici ignores the signal while it
 * connects. An answer that arrives after an abort is discarded.
 */
async function unlessAborted(asking: Promise<RawAnswer>, signal: AbortSignal | null): Promise<RawAnswer> {
  if (!signal) return asking;
  const aborted = Promise.withResolvers<never>();
  const abort = () => aborted.reject(signal.reason);
  signal.addEventListener('abort', abort, { once: true });
  try {
    return await Promise.race([asking, aborted.promise]);
  } catch (error) {
    asking.then(discard, () => {});
    throw error;
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

function keyHeader({ key_header: name }: Provider, key: string): Record<string, string> {
  return { [name]: name === 'authorization' ? `Bearer ${key}` : key };
}

/**
 * Tells whether a body is sent without a coding. Names of codings ignore case, and a list may have empty places (RFC
 * 9110).
 */
function isPlain(coding: string): boolean {
  return coding.split(',').every((name) => /^\s*(identity)?\s*$/i.test(name));
}

/**
 * Makes the `fetch` of one provider and one credential. It refuses redirects, because a redirect sends the prompt to
 * another host.
 *
 * Only this function decides the headers. It drops all headers of an SDK, also those that an SDK reads from its
 * environment (`OPENAI_CUSTOM_HEADERS`, `ANTHROPIC_AUTH_TOKEN`), and it makes no request to any other origin.
 *
 * It implements the part of `fetch` that the SDKs use, over `undici.request`
 * (docs/decisions/2026-11-22-our-own-transport.md).
 */
export function createProviderFetch(
  provider: Provider,
  credential: WireCredential,
  connections: Connections,
): typeof fetch {
  const { origin } = new URL(provider.base_url);
  const dispatcher = connections.of(provider);
  return async (input, init = {}) => {
    const url = new URL(input instanceof Request ? input.url : input);
    const { method = 'GET', body = null, signal = null } = init;
    if (url.origin !== origin) {
      throw new ErrandError(
        'INTERNAL',
        `A request to provider "${provider.name}" went to ${url.origin}; expected ${origin}.`,
      );
    }
    if (body !== null && typeof body !== 'string') {
      throw new ErrandError('INTERNAL', `A request to provider "${provider.name}" has a body that is not text.`);
    }
    const headers = {
      accept: 'application/json, text/event-stream',
      'accept-encoding': 'identity',
      ...keyHeader(provider, credential.secret.reveal()),
      'content-type': 'application/json',
      'user-agent': 'errand',
      ...WIRE_HEADERS[provider.wire],
    };
    const answer = await unlessAborted(request(url, { method, headers, body, signal, dispatcher }), signal);
    const refusal = refusalOf(provider, answer);
    if (!refusal) return responseOf(answer);
    discard(answer);
    throw refusal;
  };
}

/**
 * The error for an answer that is not read: a redirect, a status that does not exist, or a coding that was not
 * requested.
 */
function refusalOf(provider: Provider, { statusCode, headers }: RawAnswer): ErrandError | null {
  if (REDIRECTS.has(statusCode)) {
    const message = `Provider "${provider.name}" answered ${statusCode}, a redirect; Errand follows no redirect of ${provider.base_url}.`;
    const remedy = `Set providers.${provider.name}.base_url to the address that it redirects to, if you trust that address.`;
    return new ErrandError('PROVIDER_REFUSED_REQUEST', message, { remedy });
  }
  const coding = String(headers['content-encoding'] ?? '');
  if (statusCode <= 599 && isPlain(coding)) return null;
  const sent =
    statusCode > 599
      ? `the status ${statusCode}; expected at most 599`
      : `content-encoding ${coding}; expected identity`;
  return malformed(provider, sent);
}
