import OpenAI from 'openai';
import { KEY_HELD_BY_FETCH } from '../fetch.ts';
import type { Endpoint } from './wire.ts';

/**
 * Makes an OpenAI client that knows only what it is given: every option that has an environment variable behind it is
 * set, and the `fetch` drops what is left (`OPENAI_CUSTOM_HEADERS`). No retries and no logs: both are ours.
 */
export function createOpenAIClient({ profile, fetch }: Endpoint): OpenAI {
  return new OpenAI({
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
}
