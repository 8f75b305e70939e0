import { afterEach, describe, expect, test } from 'vitest';
import type { Wire } from '../../../src/contract/route.ts';
import type { Simulator } from '../../../src/entries/simulator.ts';
import type { TranscriptEntry } from '../../../src/providers/model.ts';
import { anImage } from '../../helpers/images.ts';
import { ask, modelOf, providerAt, simulate, WIRES } from '../models.ts';

let sim: Simulator;
afterEach(() => sim?.close());

const image = anImage('image/png');
const url = `data:image/png;base64,${image.data}`;
const tools = [{ name: 'snap', description: 'Snaps.', parameters: { type: 'object', properties: {} } }];

/** The results of two calls as each wire sends them: one with text and image, one with an image alone. */
const SENT: Record<Wire, (ids: string[]) => object[]> = {
  messages: ([first, second]) => {
    const block = { type: 'image', source: { type: 'base64', media_type: 'image/png', data: image.data } };
    const result = { type: 'tool_result', is_error: false };
    return [
      {
        role: 'user',
        content: [
          { ...result, tool_use_id: first, content: [{ type: 'text', text: 'The page.' }, block] },
          { ...result, tool_use_id: second, content: [block] },
        ],
      },
    ];
  },
  responses: ([first, second]) => {
    const part = { type: 'input_image', image_url: url };
    return [
      { type: 'function_call_output', call_id: first, output: [{ type: 'input_text', text: 'The page.' }, part] },
      { type: 'function_call_output', call_id: second, output: [part] },
    ];
  },
  chat: ([first, second]) => {
    const part = { type: 'image_url', image_url: { url } };
    const title = (id?: string) => ({ type: 'text', text: `Images in the result of the call ${id}:` });
    return [
      { role: 'tool', tool_call_id: first, content: 'The page.' },
      { role: 'tool', tool_call_id: second, content: '' },
      { role: 'user', content: [title(first), part, title(second), part] },
    ];
  },
};

describe.each(WIRES)('images in tool results on the %s wire', (wire) => {
  test('reach the model in the result, or else as content of the user', async () => {
    sim = await simulate();
    const goal = '[[sim: tool=snap args={}]] [[sim: tool=snap args={"a":1} parallel]]';
    const { model } = modelOf(providerAt(wire, sim.url));
    const live = new AbortController().signal;
    const first = await model.turn(ask(goal, { tools }), live);
    const ids = first.tool_calls.map(({ id }) => id);
    const results = ids.map((call_id, at) => {
      return { call_id, text: at === 0 ? 'The page.' : '', is_error: false, images: [image] };
    });
    const transcript: TranscriptEntry[] = [
      { role: 'user', text: 'Snap' },
      { role: 'assistant', native: first.native },
      { role: 'tools', results },
    ];
    await model.turn(ask('', { transcript, tools }), live);
    const { input, messages } = JSON.parse(sim.requests()[1]?.body ?? '{}');
    const sent = SENT[wire](ids);
    expect((input ?? messages).slice(-sent.length)).toEqual(sent);
  });
});
