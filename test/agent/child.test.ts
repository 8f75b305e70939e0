import { describe, expect, test } from 'vitest';
import { Child, type ChildParts } from '../../src/agent/child.ts';
import type { Tool } from '../../src/agent/tools.ts';
import type { Checkpoint, Turn } from '../../src/contract/checkpoint.ts';
import type { Model, TurnRequest } from '../../src/providers/model.ts';

const usage = { input_tokens: 10, cached_input_tokens: 0, output_tokens: 5, reasoning_tokens: 0 };

function aTurn(fields: Partial<Turn>): Turn {
  return {
    native: { said: fields.text ?? '' },
    text: '',
    tool_calls: [],
    stop: 'answer',
    usage,
    cost_usd: 0.5,
    ...fields,
  };
}

function wants(name: string, args: object, id: string): Turn {
  return aTurn({ stop: 'tools', tool_calls: [{ id, name, arguments: JSON.stringify(args) }] });
}

/** A model that plays its turns in order, keeps what it was asked, and fails when asked for one more. */
class ScriptedModel implements Model {
  readonly asked: TurnRequest[] = [];
  readonly #turns: Turn[];

  constructor(turns: Turn[]) {
    this.#turns = turns;
  }

  async turn(request: TurnRequest): Promise<Turn> {
    this.asked.push({ ...request, transcript: [...request.transcript] });
    const turn = this.#turns[this.asked.length - 1];
    if (!turn) throw new Error('the script has no further turn');
    return turn;
  }
}

function aNotebook() {
  const ran: string[] = [];
  const tool = (name: string, effect: Tool['effect']): Tool => ({
    definition: { name, description: name, parameters: {} },
    effect,
    run: async (args) => {
      ran.push(`${name} ${JSON.stringify(args)}`);
      return `${name} done`;
    },
  });
  return { ran, tools: [tool('write', 'idempotent'), tool('look', 'read')] };
}

function aChild(turns: Turn[], over: Partial<ChildParts> = {}) {
  const model = new ScriptedModel(turns);
  const recorded: Checkpoint[] = [];
  const child = new Child({
    task: { goal: 'Do it' },
    batchContext: '',
    model,
    tools: [],
    allowance: { turns: 5, outputTokensPerTurn: 100 },
    recorded: [],
    record: async (checkpoint) => {
      recorded.push(checkpoint);
    },
    ...over,
  });
  return { child, model, recorded };
}

const live = new AbortController().signal;

test('answers with the text of the turn that stops', async () => {
  const { child, recorded } = aChild([aTurn({ text: 'forty-two' })]);
  expect(await child.run(live)).toBe('forty-two');
  expect(recorded.map(({ turn, reply }) => [turn, reply.text])).toEqual([[1, 'forty-two']]);
});

test('sends tool results back in the order of the calls and echoes the model’s own turn verbatim', async () => {
  const { tools, ran } = aNotebook();
  const { child, model } = aChild([wants('write', { at: 1 }, 'c1'), aTurn({ text: 'done' })], { tools });
  await child.run(live);
  expect(ran).toEqual(['write {"at":1}']);
  expect(model.asked[1]?.transcript).toEqual([
    { role: 'user', text: 'Do it' },
    { role: 'assistant', native: { said: '' } },
    { role: 'tools', results: [{ call_id: 'c1', text: 'write done', is_error: false }] },
  ]);
});

test('tells the child the background of the batch and its own context', async () => {
  const { child, model } = aChild([aTurn({ text: 'ok' })], {
    task: { goal: 'Do it', context: 'mine' },
    batchContext: 'ours',
  });
  await child.run(live);
  expect(model.asked[0]?.transcript).toEqual([
    { role: 'user', text: 'Background of the batch:\nours\n\nContext:\nmine\n\nTask:\nDo it' },
  ]);
});

describe('the budget', () => {
  test('ends a child that used its turns', async () => {
    const { tools } = aNotebook();
    const { child } = aChild([wants('look', {}, 'c1'), wants('look', {}, 'c2')], {
      tools,
      allowance: { turns: 2, outputTokensPerTurn: 100 },
    });
    await expect(child.run(live)).rejects.toMatchObject({ code: 'BUDGET_TURNS' });
    expect(child.transcript.tally).toMatchObject({ turns: 2, tool_calls: 2, cost_usd: 1 });
  });

  test('leaves the next turn only the tokens that are left, and ends a child that has none', async () => {
    const { tools } = aNotebook();
    const allowance = { turns: 9, tokens: 25, outputTokensPerTurn: 100 };
    const { child, model } = aChild([wants('look', {}, 'c1'), wants('look', {}, 'c2')], { tools, allowance });
    await expect(child.run(live)).rejects.toMatchObject({ code: 'BUDGET_TOKENS' });
    expect(model.asked.map(({ maxOutputTokens }) => maxOutputTokens)).toEqual([25, 10]);
  });
});

test.each([
  ['CHILD_REFUSED', aTurn({ stop: 'refusal', text: 'no' })],
  ['BUDGET_TOKENS', aTurn({ stop: 'length', text: 'half an ans' })],
  ['CHILD_EMPTY_ANSWER', aTurn({ text: '  ' })],
])('fails with %s and keeps what was said', async (code, turn) => {
  const { child } = aChild([turn]);
  await expect(child.run(live)).rejects.toMatchObject({ code });
  expect(child.text).toBe(turn.text);
});

describe('taking over', () => {
  const recorded = (replies: Turn[]): Checkpoint[] =>
    replies.map((reply, at) => ({ version: 1, turn: at + 1, tool_results: [], reply }));

  test('asks for no recorded turn again, repeats what built the workspace, and answers the open calls', async () => {
    const { tools, ran } = aNotebook();
    const past = recorded([wants('write', { at: 1 }, 'c1'), wants('look', {}, 'c2'), wants('write', { at: 3 }, 'c3')]);
    const { child, model } = aChild([aTurn({ text: 'done' })], { tools, recorded: past });
    expect(await child.run(live)).toBe('done');
    expect(model.asked).toHaveLength(1);
    expect(ran).toEqual(['write {"at":1}', 'write {"at":3}']);
  });

  test('finds its answer on record and asks nothing', async () => {
    const { child, model } = aChild([], { recorded: recorded([aTurn({ text: 'said before' })]) });
    expect(await child.run(live)).toBe('said before');
    expect(model.asked).toEqual([]);
  });

  test('does not go on after a recorded refusal', async () => {
    const { child, model } = aChild([], { recorded: recorded([aTurn({ stop: 'refusal' })]) });
    await expect(child.run(live)).rejects.toMatchObject({ code: 'CHILD_REFUSED' });
    expect(model.asked).toEqual([]);
  });
});

test('an abort between turns ends the run with its reason', async () => {
  const controller = new AbortController();
  const { tools } = aNotebook();
  const { child } = aChild([wants('look', {}, 'c1'), aTurn({ text: 'never' })], {
    tools,
    record: async () => controller.abort(new Error('cancelled')),
  });
  await expect(child.run(controller.signal)).rejects.toThrow('cancelled');
});
