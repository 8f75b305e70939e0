import OpenAI from 'openai';
import type { ResponseCreateParamsStreaming } from 'openai/resources/responses/responses';
import { processEnvironment } from '../../src/app/config.ts';
import { Secret } from '../../src/base/secret.ts';
import { Provider } from '../../src/catalogue/provider.ts';
import { Models } from '../../src/providers/models.ts';
import { KEY_VARIABLE } from '../child.ts';
import type { Surroundings } from '../protocol.ts';

/** Makes the model call of a goal and returns the answer. */
export type Call = (goal: string, signal?: AbortSignal) => Promise<string>;

/** Makes the call that a worker without Errand would make: the same SDK and request, and one client for all tasks. */
export async function createCall(around: Surroundings): Promise<Call> {
  return around.caller === 'sdk' ? callOfSdk(around) : callOfErrand(around);
}

/** Sends the parameters that Errand sends, with another goal. */
function callOfSdk({ simulatorUrl, request }: Surroundings): Call {
  const client = new OpenAI({
    apiKey: key(),
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
    return answer(text);
  };
}

/** Errand's model alone, without its queue, its records and its cleanup. */
async function callOfErrand({ simulatorUrl, request }: Surroundings): Promise<Call> {
  const { instructions: system, max_output_tokens: maxOutputTokens, model: name } = request as ErrandsRequest;
  const { model } = await new Models().open({
    provider: Provider.parse({
      name: 'openai',
      wire: 'responses',
      base_url: `${simulatorUrl}/v1`,
      credential: `env:${KEY_VARIABLE}`,
    }),
    route: { model: name, reasoning_effort: 'low' },
    credential: { id: `env:${KEY_VARIABLE}`, secret: new Secret(key()) },
  });
  return async (goal, signal = new AbortController().signal) => {
    const transcript = [{ role: 'user' as const, text: goal }];
    const turn = await model.turn({ system, transcript, tools: [], maxOutputTokens }, signal);
    return answer(turn.text);
  };
}

type ErrandsRequest = { instructions: string; max_output_tokens: number; model: string };

function key(): string {
  return processEnvironment()[KEY_VARIABLE] ?? '';
}

function answer(text: string): string {
  if (text === '') throw new Error('the answer is empty');
  return text;
}
