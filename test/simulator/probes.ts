import Anthropic from '@anthropic-ai/sdk';
import OpenAI from 'openai';
import type { LoggedRequest, Simulator } from '../../src/entries/simulator.ts';
import type { WireClient } from './wire-clients.ts';

/** Resolves with the next request that the simulator receives, or that ends. */
export function nextRequest(simulator: Simulator, phase: 'received' | 'ended'): Promise<Readonly<LoggedRequest>> {
  return new Promise((resolve) => {
    const stop = simulator.onRequest((request, happened) => {
      if (happened !== phase) return;
      stop();
      resolve(request);
    });
  });
}

type ApiError = InstanceType<typeof OpenAI.APIError> | InstanceType<typeof Anthropic.APIError>;

/** The API error that a call rejects with; anything else is thrown on. */
export async function errorOf(call: Promise<unknown>): Promise<ApiError> {
  const error = await call.then(
    () => new Error('it was answered'),
    (thrown: unknown) => thrown,
  );
  if (error instanceof OpenAI.APIError || error instanceof Anthropic.APIError) return error;
  throw error;
}

/** Reads a raw stream to its end; says how many events came and what was thrown. */
export async function drain(client: WireClient, prompt: string, signal?: AbortSignal) {
  const events: unknown[] = [];
  let thrown: unknown;
  try {
    for await (const event of await client.events({ prompt, ...(signal && { signal }) })) events.push(event);
  } catch (error) {
    thrown = error;
  }
  return { text: JSON.stringify(events), thrown };
}
