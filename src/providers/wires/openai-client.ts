import OpenAI from 'openai';
import { KEY_HELD_BY_FETCH } from '../fetch.ts';
import { bareRequest } from './bare-request.ts';
import type { Endpoint } from './wire.ts';

type Options = Parameters<OpenAI['buildRequest']>[0];

/** The OpenAI client with requests that our `fetch` can send as they are. */
class BareOpenAI extends OpenAI {
  readonly #fetch: Endpoint['fetch'];

  constructor({ profile, fetch }: Endpoint) {
    super({
      apiKey: KEY_HELD_BY_FETCH,
      adminAPIKey: null,
      organization: null,
      project: null,
      webhookSecret: null,
      baseURL: profile.base_url,
      fetch,
      maxRetries: 0,
      timeout: profile.timeouts.turn_ms + 1_000,
      logLevel: 'off',
    });
    this.#fetch = fetch;
  }

  override async buildRequest(options: Options): ReturnType<OpenAI['buildRequest']> {
    const url = this.buildURL(options.path, { ...options.query }, options.defaultBaseURL);
    return { req: bareRequest(options), url, timeout: this.timeout };
  }

  override fetchWithTimeout(...[url, init]: Parameters<OpenAI['fetchWithTimeout']>): Promise<Response> {
    return this.#fetch(url, init);
  }
}

/**
 * Makes an OpenAI client that knows only what it is given: every option that has an environment variable behind it is
 * set, and no header of the SDK is sent (`OPENAI_CUSTOM_HEADERS`). No retries, timers and logs: these are ours.
 */
export function createOpenAIClient(endpoint: Endpoint): OpenAI {
  return new BareOpenAI(endpoint);
}
