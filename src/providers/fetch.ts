import { Agent, type Dispatcher, request } from 'undici';
import type { Secret } from '../base/secret.ts';
import type { Wire } from '../contract/route.ts';
import { ErrandError } from '../errors.ts';
import type { ProviderProfile } from './profile.ts';

/** What a wire needs of a credential: the value, and the name it may be told by. */
export type WireCredential = { id: string; secret: Secret };

/** What the SDK clients are given as their key. The real one is put on by the fetch of {@link createProviderFetch}. */
export const KEY_HELD_BY_FETCH = 'held-by-fetch';

/** @anthropic-ai/sdk 1.12.0 is generated from this version of the API; a test compares. */
const WIRE_HEADERS: Record<Wire, Record<string, string>> = {
  responses: {},
  chat: {},
  messages: { 'anthropic-version': '2026-10-21' },
};

const REDIRECTS = new Set([301, 302, 303, 307, 308]);

/**
 * The connections of all calls. No timeouts of its own, because a call has ours, and no HTTP/2, because closing the socket
 * of one call is the proof that it was given up, and must not be felt by others.
 */
const connections = new Agent({ headersTimeout: 0, bodyTimeout: 0, allowH2: false });

/** A response whose body is undici's own stream. It is read by its async iterator only, by the SDKs and by us. */
class StreamedResponse extends Response {
  override readonly body: ReadableStream<Uint8Array<ArrayBuffer>>;
  override readonly text: () => Promise<string>;
  override readonly json: () => Promise<unknown>;

  constructor({ statusCode, headers, body }: Dispatcher.ResponseData) {
    const told = Object.entries(headers).flatMap(([name, values = []]) =>
      [values].flat().map((value): [string, string] => [name, value]),
    );
    super(null, { status: statusCode, headers: told });
    this.body = body as unknown as ReadableStream<Uint8Array<ArrayBuffer>>;
    this.text = () => body.text();
    this.json = () => body.json();
  }
}

/**
 * Makes the `fetch` of one provider and one credential. Redirects are refused: a redirect carries the prompt to
 * another host.
 *
 * Address and headers are decided here and nowhere else. What an SDK picks up from its environment
 * (`OPENAI_CUSTOM_HEADERS`, `ANTHROPIC_AUTH_TOKEN` and their kin) is dropped with all its other headers, and a request
 * to another origin than the profile's is not made.
 *
 * It is as much of `fetch` as the SDKs use, over `undici.request`, at two thirds of its cost
 * (docs/decisions/2026-11-22-our-own-transport.md).
 */
export function createProviderFetch(profile: ProviderProfile, credential: WireCredential): typeof fetch {
  const { origin, host } = new URL(profile.base_url);
  return async (input, init = {}) => {
    const url = new URL(input instanceof Request ? input.url : input);
    const { method = 'GET', body = null, signal = null } = init;
    if (url.origin !== origin) {
      throw new ErrandError('INTERNAL', `A request of provider "${profile.name}" for ${url.origin}, not ${origin}.`);
    }
    if (body !== null && typeof body !== 'string') {
      throw new ErrandError('INTERNAL', `A request of provider "${profile.name}" whose body is not text.`);
    }
    const headers = {
      accept: 'application/json, text/event-stream',
      authorization: `Bearer ${credential.secret.reveal()}`,
      'content-type': 'application/json',
      'user-agent': 'errand',
      ...WIRE_HEADERS[profile.wire],
    };
    const data = await request(url, { method, headers, body, signal, dispatcher: connections });
    if (!REDIRECTS.has(data.statusCode)) return new StreamedResponse(data);
    data.body.on('error', () => {}).destroy();
    throw new ErrandError(
      'PROVIDER_REFUSED_REQUEST',
      `Provider "${profile.name}" answered with a redirect away from ${host}; redirects are never followed.`,
      { remedy: `Set base_url of provider "${profile.name}" to the address it redirects to, if you trust it.` },
    );
  };
}
