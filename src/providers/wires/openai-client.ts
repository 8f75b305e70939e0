import OpenAI from 'openai';
import { KEY_HELD_BY_FETCH } from '../fetch.ts';
import { sendingBare } from './bare-request.ts';
import type { Endpoint } from './wire.ts';

/**
 * Makes an OpenAI client that knows only what it is given: every option that has an environment variable behind it is
 * set, and no header of the SDK is sent (`OPENAI_CUSTOM_HEADERS`). No retries, timers and logs: these are ours.
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
