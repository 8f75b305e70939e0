import OpenAI from 'openai';
import { KEY_HELD_BY_FETCH } from '../fetch.ts';
import { sendingBare } from './bare-request.ts';
import type { Endpoint } from './wire.ts';

/**
 * Makes an OpenAI client that reads nothing from the environment: every option with an environment variable is set, and
 * no header of the SDK is sent (`OPENAI_CUSTOM_HEADERS`). Retries, timers and logs are ours (docs/internals/sdks.md).
 */
export function createOpenAIClient({ provider, fetch }: Endpoint): OpenAI {
  const client = new OpenAI({
    apiKey: KEY_HELD_BY_FETCH,
    adminAPIKey: null,
    organization: null,
    project: null,
    webhookSecret: null,
    baseURL: provider.base_url,
    fetch,
    maxRetries: 0,
    timeout: provider.timeouts.turn_ms + 1_000,
    logLevel: 'off',
  });
  return sendingBare(client, fetch);
}
