import { describe, expect, test } from 'vitest';
import { Child, type ChildParts } from '../../src/agent/child.ts';
import type { Tool, ToolClass } from '../../src/agent/tool.ts';
import { ToolGate } from '../../src/agent/tool-policy.ts';
import { Tools } from '../../src/agent/tools.ts';
import type { Checkpoint, Turn } from '../../src/contract/checkpoint.ts';
import type { EffectCall } from '../../src/contract/effect-call.ts';
import type { Model, TurnRequest } from '../../src/providers/model.ts';
import { anAllowance } from '../helpers/allowance.ts';
import { anImage } from '../helpers/images.ts';
import { aSession, toolsOf } from '../helpers/tools.ts';
import { aWitness } from '../helpers/witness.ts';

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
  const tool = (name: string, ofClass: ToolClass): Tool => ({
    definition: { name, description: name, parameters: {} },
    class: ofClass,
    run: async (args) => {
      ran.push(`${name} ${JSON.stringify(args)}`);
      return `${name} done`;
    },
  });
  return { ran, tools: [tool('write', 'idempotent'), tool('look', 'read')] };
}

type Over = Partial<Omit<ChildParts, 'tools'>> & { tools?: Tool[]; restores?: boolean; gate?: ToolGate; all?: Tools };

function aChild(turns: Turn[], { tools = [], restores = true, gate, all, ...over }: Over = {}) {
  const model = new ScriptedModel(turns);
  const recorded: Checkpoint[] = [];
  const child = new Child({
    prompt: { system: '', first: { role: 'user', text: 'Do it' } },
    model,
    tools: all ?? toolsOf(tools, { restores }, gate),
    allowance: anAllowance({ turns: 9, outputTokensPerTurn: 100 }),
    shouldYield: () => false,
    recorded: [],
    record: async (checkpoint) => {
      recorded.push(checkpoint);
    },
    effects: [],
    journal: async () => {},
    observer: aWitness(),
    label: { taskId: 't', epoch: 1, provider: 'local', model: 'm', effort: undefined },
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

test('sends tool results in the order of the calls and echoes the model’s own turn', async () => {
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

describe('the budget', () => {
  test('ends a child that used its turns [B143]', async () => {
    const { tools } = aNotebook();
    const { child } = aChild([wants('look', {}, 'c1'), wants('look', {}, 'c2')], {
      tools,
      allowance: anAllowance({ turns: 2, outputTokensPerTurn: 100 }),
    });
    await expect(child.run(live)).rejects.toMatchObject({ code: 'BUDGET_TURNS' });
    expect(child.transcript.tally).toMatchObject({ turns: 2, tool_calls: 2, cost_usd: 1 });
  });

  test('leaves the next turn only the tokens that are left [B143]', async () => {
    const { tools } = aNotebook();
    const allowance = anAllowance({ turns: 9, tokens: 25, outputTokensPerTurn: 100 });
    const { child, model } = aChild([wants('look', {}, 'c1'), wants('look', {}, 'c2')], { tools, allowance });
    await expect(child.run(live)).rejects.toMatchObject({ code: 'BUDGET_TOKENS' });
    expect(model.asked.map(({ maxOutputTokens }) => maxOutputTokens)).toEqual([25, 10]);
  });
});

describe('the tool calls of one turn', () => {
  const turnOf = (calls: number) =>
    aTurn({
      stop: 'tools',
      tool_calls: Array.from({ length: calls }, (_, at) => ({ id: `c${at}`, name: 'look', arguments: '{}' })),
    });
  const allowance = anAllowance({ toolCallsPerTurn: 3 });

  test('too many end the task, and none of them runs [B143]', async () => {
    const { tools, ran } = aNotebook();
    const { child, model, recorded } = aChild([turnOf(4)], { tools, allowance });
    await expect(child.run(live)).rejects.toMatchObject({
      code: 'BUDGET_TOOL_CALLS',
      message: 'the model asked for 4 tool calls in one turn; the limit is 3',
    });
    expect(ran).toEqual([]);
    expect(recorded).toHaveLength(1);
    const heir = aChild([], { tools, allowance, recorded });
    await expect(heir.child.run(live)).rejects.toMatchObject({ code: 'BUDGET_TOOL_CALLS' });
    expect([...model.asked, ...heir.model.asked]).toHaveLength(1);
  });

  test('200 reads run 8 at a time, and the model gets their results in order', async () => {
    let [running, most] = [0, 0];
    const tool: Tool = {
      definition: { name: 'look', description: 'look', parameters: {} },
      class: 'read',
      run: async (_, { callId }) => {
        most = Math.max(most, ++running);
        await new Promise((resolve) => setImmediate(resolve));
        running--;
        return callId.replace(/.*\//, '');
      },
    };
    const many = anAllowance({ toolCallsPerTurn: 200 });
    const { child, recorded } = aChild([turnOf(200), aTurn({ text: 'done' })], { tools: [tool], allowance: many });
    expect(await child.run(live)).toBe('done');
    expect(most).toBe(8);
    const results = Array.from({ length: 200 }, (_, at) => ({
      call_id: `c${at}`,
      text: `1.${at + 1}`,
      is_error: false,
    }));
    expect(recorded[1]?.tool_results).toEqual(results);
  });

  test('one that ignores its limit ends the calls beside it, and none of them is left', async () => {
    const ended: unknown[] = [];
    const look = (stuck: boolean): Tool => ({
      definition: { name: stuck ? 'stick' : 'look', description: 'look', parameters: {} },
      class: 'read',
      ...(stuck && { limitMs: 20 }),
      run: (_, { signal }) =>
        new Promise((_resolve, reject) => {
          // Rejects after its call was abandoned: an unhandled rejection would fail this test.
          if (stuck) setTimeout(() => reject(new Error('too late')), 1_200);
          else signal.addEventListener('abort', () => reject(ended.push(signal.reason)));
        }),
    });
    const calls = ['look', 'stick', 'look'].map((name, at) => ({ id: `c${at}`, name, arguments: '{}' }));
    const turns = [aTurn({ stop: 'tools', tool_calls: calls })];
    const { child } = aChild(turns, { tools: [look(false), look(true)], allowance });
    const error = await child.run(live).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'CHILD_TOOL_TIMED_OUT' });
    expect(ended).toEqual([error, error]);
    await new Promise((resolve) => setTimeout(resolve, 400));
  });

  test('stop starting when the worker leaves; an effect not begun is in no journal', async () => {
    let isLeaving = false;
    const send: Tool = {
      definition: { name: 'send', description: 'send', parameters: {} },
      class: 'effect',
      run: async () => {
        isLeaving = true;
        return 'sent';
      },
    };
    const calls = [1, 2].map((at) => ({ id: `c${at}`, name: 'send', arguments: '{}' }));
    const turns = [aTurn({ stop: 'tools', tool_calls: calls })];
    const { child } = aChild(turns, { tools: [send], shouldYield: () => isLeaving });
    await expect(child.run(live)).rejects.toMatchObject({ code: 'ATTEMPT_DRAINED' });
    expect(child.effects.calls).toMatchObject([{ id: '1.1', result: { text: 'sent' } }]);
  });

  test('all run up to the limit', async () => {
    const { tools, ran } = aNotebook();
    const { child } = aChild([turnOf(3), aTurn({ text: 'done' })], { tools, allowance });
    expect(await child.run(live)).toBe('done');
    expect(ran).toHaveLength(3);
  });
});

test.each([
  ['CHILD_REFUSED', aTurn({ stop: 'refusal', text: 'no' })],
  ['BUDGET_TOKENS', aTurn({ stop: 'length', text: 'half an ans' })],
  ['CHILD_EMPTY_ANSWER', aTurn({ text: '  ' })],
])('fails with %s and keeps what was said [B117] [B125]', async (code, turn) => {
  const { child } = aChild([turn]);
  await expect(child.run(live)).rejects.toMatchObject({ code });
  expect(child.text).toBe(turn.text);
});

describe('taking over', () => {
  const recorded = (replies: Turn[]): Checkpoint[] =>
    replies.map((reply, at) => ({ version: 1, turn: at + 1, tool_results: [], reply }));

  test('asks for no recorded turn again, restores the workspace and answers open calls', async () => {
    const { tools, ran } = aNotebook();
    const past = recorded([wants('write', { at: 1 }, 'c1'), wants('look', {}, 'c2'), wants('write', { at: 3 }, 'c3')]);
    const { child, model } = aChild([aTurn({ text: 'done' })], { tools, recorded: past });
    expect(await child.run(live)).toBe('done');
    expect(model.asked).toHaveLength(1);
    expect(ran).toEqual(['write {"at":1}', 'write {"at":3}']);
  });

  const answered = (replies: Turn[], hasFailed: boolean[]): Checkpoint[] =>
    recorded(replies).map((checkpoint, at) => {
      const [call] = replies[at - 1]?.tool_calls ?? [];
      if (!call) return checkpoint;
      return { ...checkpoint, tool_results: [{ call_id: call.id, text: 'so', is_error: hasFailed[at - 1] === true }] };
    });

  test('leaves out a recorded call that failed: the model knows that it changed nothing', async () => {
    const { tools, ran } = aNotebook();
    const replies = [wants('write', { at: 1 }, 'c1'), wants('write', { at: 2 }, 'c2'), aTurn({ text: 'done' })];
    const { child } = aChild([], { tools, recorded: answered(replies, [true, false]) });
    expect(await child.run(live)).toBe('done');
    expect(ran).toEqual(['write {"at":2}']);
  });

  test('repeats no recorded call of a toolset that does not restore', async () => {
    const { tools, ran } = aNotebook();
    const replies = [wants('write', { at: 1 }, 'c1'), wants('write', { at: 2 }, 'c2'), aTurn({ text: 'done' })];
    const { child } = aChild([], { tools, restores: false, recorded: answered(replies, [false, false]) });
    expect(await child.run(live)).toBe('done');
    expect(ran).toEqual([]);
  });

  test('stops if a recorded call that succeeded fails now, before the model is asked', async () => {
    const tool: Tool = {
      definition: { name: 'write', description: 'write', parameters: {} },
      class: 'idempotent',
      run: () => Promise.reject(new Error('the disk is full')),
    };
    const replies = [wants('write', { at: 1 }, 'c1'), wants('write', { at: 2 }, 'c2')];
    const past = answered(replies, [false]);
    const { child, model } = aChild([aTurn({ text: 'never' })], { tools: [tool], recorded: past });
    await expect(child.run(live)).rejects.toMatchObject({
      code: 'WORKSPACE_UNAVAILABLE',
      message: 'a recorded call cannot be repeated: write failed: the disk is full',
    });
    expect(model.asked).toEqual([]);
  });

  test('a later attempt tells again what is gone, and lists no call that led to the same', async () => {
    const { tools: notebook } = aNotebook();
    const render: Tool = { ...notebook[0], definition: { name: 'render', description: '', parameters: {} } } as Tool;
    const owner = { session: aSession(), faultCode: 'WORKSPACE_UNAVAILABLE' as const };
    const tools = new Tools([
      ...notebook.map((tool) => ({ tool, toolset: 'workspace', restores: true, ...owner })),
      { tool: render, toolset: 'reports', restores: false, requires: ['workspace'], ...owner },
    ]);
    const replies = [wants('render', {}, 'c1'), wants('write', {}, 'c2'), wants('look', {}, 'c3')];
    const past = answered(replies, []).map((checkpoint, at) => {
      const told = (text: string) => ({ ...checkpoint, tool_results: [{ call_id: `c${at}`, text, is_error: false }] });
      return at === 2 ? told('An earlier attempt was interrupted.\n\nwrite done') : checkpoint;
    });
    const { child, recorded: kept } = aChild([aTurn({ text: 'done' })], { recorded: past, all: tools });
    await child.run(live);
    expect(kept[0]?.tool_results[0]?.text).toMatch(
      /^An earlier attempt of this task was interrupted\. What render made[^:]+\n\nlook done$/,
    );
    expect(child.notes).toEqual([expect.stringContaining('what render made or changed in the workspace was lost')]);
  });

  const denied = new ToolGate([{ '*': 'deny' }]);

  test('a call that the policy denies by now gets its recorded result, or does not run', async () => {
    const { tools, ran } = aNotebook();
    const result = { call_id: 'c1', text: 'sent', is_error: false };
    const effects: EffectCall[] = [{ version: 1, id: '1.1', call_id: 'c1', tool: 'send', result }];
    const calls = [
      { id: 'c1', name: 'send' },
      { id: 'c2', name: 'look' },
    ];
    const past = recorded([aTurn({ stop: 'tools', tool_calls: calls.map((call) => ({ ...call, arguments: '{}' })) })]);
    const { child, model } = aChild([aTurn({ text: 'done' })], { tools, gate: denied, recorded: past, effects });
    await child.run(live);
    const denial = { call_id: 'c2', text: expect.stringContaining('The tool policy denies look.'), is_error: true };
    expect(model.asked[0]?.transcript.at(-1)).toEqual({ role: 'tools', results: [result, denial] });
    expect(ran).toEqual([]);
  });

  test('stops if a recorded call that restores state is denied by now', async () => {
    const { tools, ran } = aNotebook();
    const past = answered([wants('write', { at: 1 }, 'c1'), wants('look', {}, 'c2')], [false]);
    const { child } = aChild([aTurn({ text: 'never' })], { tools, gate: denied, recorded: past });
    const message = expect.stringContaining('a recorded call cannot be repeated: The tool policy denies write.');
    await expect(child.run(live)).rejects.toMatchObject({ code: 'WORKSPACE_UNAVAILABLE', message });
    expect(ran).toEqual([]);
  });

  test('sends the images of recorded results again', async () => {
    const images = [anImage('image/png')];
    const results = [{ call_id: 'c1', text: '', is_error: false, images }];
    const [first, second] = recorded([wants('look', {}, 'c1'), wants('look', {}, 'c2')]);
    const past = [first, second && { ...second, tool_results: results }].filter((turn) => turn !== undefined);
    const { tools } = aNotebook();
    const { child, model } = aChild([aTurn({ text: 'done' })], { tools, recorded: past });
    await child.run(live);
    expect(model.asked[0]?.transcript[2]).toEqual({ role: 'tools', results });
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

describe('a child that turns in circles', () => {
  const look = (at: number, id: string) => wants('look', { at }, id);

  test('ends before the model is asked again', async () => {
    const { tools } = aNotebook();
    const turns = [1, 1, 1, 1].map((at, call) => look(at, `c${call}`));
    const { child, model } = aChild(turns, { tools, allowance: anAllowance({ turnsWithoutProgress: 3 }) });
    await expect(child.run(live)).rejects.toMatchObject({
      code: 'CHILD_NO_PROGRESS',
      message: '3 turns in a row called look with the same results',
    });
    expect(model.asked).toHaveLength(3);
  });

  test('is known by its recorded turns too', async () => {
    const { tools } = aNotebook();
    const answer = { call_id: 'c1', text: 'look done', is_error: false };
    const recorded: Checkpoint[] = [
      { version: 1, turn: 1, tool_results: [], reply: look(1, 'c1') },
      { version: 1, turn: 2, tool_results: [answer], reply: look(1, 'c2') },
    ];
    const allowance = anAllowance({ turnsWithoutProgress: 2 });
    const { child, model } = aChild([], { tools, recorded, allowance });
    await expect(child.run(live)).rejects.toMatchObject({ code: 'CHILD_NO_PROGRESS' });
    expect(model.asked).toEqual([]);
  });

  test.each([
    ['other arguments', [1, 2, 1, 2, 1], 'look done'],
    ['other results', [1, 1, 1, 1, 1], undefined],
  ])('goes on where it meets %s', async (_, calls, result) => {
    let count = 0;
    const tool: Tool = {
      definition: { name: 'look', description: 'look', parameters: {} },
      class: 'read',
      run: async () => result ?? `look ${++count}`,
    };
    const turns = [...calls.map((at, call) => look(at, `c${call}`)), aTurn({ text: 'found it' })];
    const allowance = anAllowance({ turnsWithoutProgress: 2 });
    const { child } = aChild(turns, { tools: [tool], allowance });
    expect(await child.run(live)).toBe('found it');
  });
});

test('stops a tool at the limit of one tool call', async () => {
  const tool: Tool = {
    definition: { name: 'hang', description: 'hang', parameters: {} },
    class: 'read',
    run: (_, { signal }) =>
      new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
  };
  const allowance = anAllowance({ toolMs: 30 });
  const { child, recorded } = aChild([wants('hang', {}, 'c1'), aTurn({ text: 'ok' })], { tools: [tool], allowance });
  expect(await child.run(live)).toBe('ok');
  expect(recorded[1]?.tool_results).toMatchObject([{ is_error: true, text: expect.stringContaining('0.03 s') }]);
});

describe('a worker that goes away', () => {
  test('lets the turn under way end, keeps it, and leaves the next one to another', async () => {
    const { tools, ran } = aNotebook();
    let isLeaving = false;
    const { child, model, recorded } = aChild([wants('look', {}, 'c1'), aTurn({ text: 'never' })], {
      tools,
      shouldYield: () => isLeaving,
      record: async (checkpoint) => {
        recorded.push(checkpoint);
        isLeaving = true;
      },
    });
    await expect(child.run(live)).rejects.toMatchObject({ code: 'ATTEMPT_DRAINED' });
    expect([model.asked.length, recorded.length, ran.length]).toEqual([1, 1, 0]);
  });

  test('asks the model nothing after tools that ran meanwhile', async () => {
    let isLeaving = false;
    const tool: Tool = {
      definition: { name: 'look', description: 'look', parameters: {} },
      class: 'read',
      run: async () => {
        isLeaving = true;
        return 'seen';
      },
    };
    const turns = [wants('look', {}, 'c1'), aTurn({ text: 'never' })];
    const { child, model } = aChild(turns, { tools: [tool], shouldYield: () => isLeaving });
    await expect(child.run(live)).rejects.toMatchObject({ code: 'ATTEMPT_DRAINED' });
    expect(model.asked).toHaveLength(1);
  });

  test('takes an answer that came with the last turn', async () => {
    const { child, recorded } = aChild([aTurn({ text: 'just in time' })], { shouldYield: () => recorded.length > 0 });
    expect(await child.run(live)).toBe('just in time');
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

test('a conversation that no model can take ends as CONTEXT_TOO_LONG [B94]', async () => {
  const { tools } = aNotebook();
  const large = 'x'.repeat(3 * 1024 * 1024);
  const turns = Array.from({ length: 9 }, (_, at) => ({
    ...wants('write', { at }, `c${at}`),
    native: { said: large },
  }));
  const { child, model } = aChild(turns, { tools });
  await expect(child.run(live)).rejects.toMatchObject({ code: 'CONTEXT_TOO_LONG' });
  expect(model.asked).toHaveLength(6);
});
