import OpenAI from 'openai';
import type { ResponseCreateParamsStreaming } from 'openai/resources/responses/responses';
import { processEnvironment } from '../../src/app/config.ts';
import { KEY_VARIABLE } from '../child.ts';
import type { Surroundings } from '../protocol.ts';

/** Makes the model call of a goal and returns the answer. */
export type Call = (goal: string, signal?: AbortSignal) => Promise<string>;

/**
 * Makes the call that a worker without Errand would make: the same SDK and request, and one client for all tasks.
 *
 * The parameters are those that Errand was seen to send; only the goal is put in.
 */
export function createCall({ simulatorUrl, request }: Surroundings): Call {
  const apiKey = processEnvironment()[KEY_VARIABLE] ?? '';
  const client = new OpenAI({
    apiKey,
    baseURL: `${simulatorUrl}/v1`,
    maxRetries: 0,
    timeout: 1_801_000,
    logLevel: 'off',
  });
  return async (goal, signal) => {
    const params = { ...request, input: [{ role: 'user', content: goal }] } as ResponseCreateParamsStreaming;
    const stream = await client.responses.create(params, signal ? { signal } : {});
    let text = '';
    for await (const event of stream) if (event.type === 'response.output_text.delta') text += event.delta;
    if (text === '') throw new Error('the answer is empty');
    return text;
  };
}
