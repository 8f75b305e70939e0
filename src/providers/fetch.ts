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

/**
 * Makes the `fetch` of one provider and one credential. Redirects are refused: a redirect carries the prompt to
 * another host.
 *
 * Address and headers are decided here and nowhere else. What an SDK picks up from its environment
 * (`OPENAI_CUSTOM_HEADERS`, `ANTHROPIC_AUTH_TOKEN` and their kin) is dropped with all its other headers, and a request
 * to another origin than the profile's is not made.
 */
export function createProviderFetch(profile: ProviderProfile, credential: WireCredential): typeof fetch {
  const { origin } = new URL(profile.base_url);
  return async (input, init) => {
    const url = new URL(input instanceof Request ? input.url : input);
    if (url.origin !== origin) {
      throw new ErrandError('INTERNAL', `A request of provider "${profile.name}" for ${url.origin}, not ${origin}.`);
    }
    const headers = {
      accept: 'application/json, text/event-stream',
      authorization: `Bearer ${credential.secret.reveal()}`,
      'content-type': 'application/json',
      'user-agent': 'errand',
      ...WIRE_HEADERS[profile.wire],
    };
    return fetch(url, { ...init, headers, redirect: 'error' });
  };
}
