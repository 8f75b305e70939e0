import { expect, onTestFinished, test } from 'vitest';
import { z } from 'zod';
import { Child } from '../../src/agent/child.ts';
import { defineTool, type Tool } from '../../src/agent/tool.ts';
import { taskIdOf } from '../../src/base/ids.ts';
import { Redactor } from '../../src/base/secret.ts';
import type { Checkpoint, ToolResult, Turn } from '../../src/contract/checkpoint.ts';
import { NO_USAGE } from '../../src/contract/usage.ts';
import { startSimulator } from '../../src/entries/simulator.ts';
import { ErrandError } from '../../src/errors.ts';
import { TaskRecords } from '../../src/records/task-records.ts';
import { anAllowance } from '../helpers/allowance.ts';
import { aDeployment, simulatedProviders } from '../helpers/deployment.ts';
import { openRedis } from '../helpers/redis.ts';
import { toolsOf } from '../helpers/tools.ts';
import { aWitness } from '../helpers/witness.ts';
import { openRecords } from '../records/samples.ts';

/** A turn that asks for the tools; the wire `chat` takes its `native`. */
function wants(...calls: { id: string; name: string }[]): Turn {
  const toolCalls = calls.map((call) => ({ ...call, arguments: '{}' }));
  const native = {
    role: 'assistant',
    content: null,
    tool_calls: toolCalls.map(({ id, ...called }) => ({ id, type: 'function', function: called })),
  };
  const usage = { ...NO_USAGE, input_tokens: 10 };
  return { native, text: '', tool_calls: toolCalls, stop: 'tools', usage, cost_usd: 0 };
}

const answer: Turn = { ...wants(), text: 'done', stop: 'answer' };

/** An attempt of the task over its real records: opens it, and runs a child that plays these turns. */
async function attemptWith(tasks: TaskRecords, taskId: string, turns: Turn[], tools: Tool[]) {
  const opening = await tasks.open(taskId, 'local', 'w');
  if (opening.status !== 'opened') return expect.fail(`the task is ${opening.status}`);
  const { epoch, checkpoints, effects } = opening;
  const told: ToolResult[] = [];
  const child = new Child({
    prompt: { system: '', first: { role: 'user', text: 'Do it' } },
    model: { turn: async () => turns.shift() ?? expect.fail('the script has no further turn') },
    tools: toolsOf(tools, { restores: false }),
    allowance: anAllowance({ turns: 9, turnsWithoutProgress: 9 }),
    shouldYield: () => false,
    recorded: checkpoints,
    record: async (checkpoint: Checkpoint) => {
      told.push(...checkpoint.tool_results);
      await tasks.checkpoint(taskId, epoch, checkpoint);
    },
    effects,
    journal: async (call) => void (await tasks.journal(taskId, epoch, call)),
    observer: aWitness(),
    label: { taskId, epoch, provider: 'local', model: 'm', effort: undefined },
  });
  return { child, told };
}

/** A tool of class effect that counts its runs; `work` is what it does in each. */
function aSender(work: () => Promise<string>) {
  const ran: number[] = [];
  const tool = defineTool({
    name: 'send',
    description: 'Sends.',
    class: 'effect',
    parameters: z.strictObject({}),
    run: async () => {
      ran.push(ran.length + 1);
      return work();
    },
  });
  return { ran, tool };
}

/** A tool of class read that does `work` when it is asked to look. */
function aReader(work: () => Promise<string>): Tool {
  const parameters = z.strictObject({});
  return defineTool({ name: 'look', description: 'Looks.', class: 'read', parameters, run: work });
}

const live = new AbortController().signal;

test('an interrupted effect is never run again, and the child reads that it is unknown', async () => {
  const { tasks, taskIds } = await openRecords();
  const [taskId = ''] = taskIds;
  const dying = new AbortController();
  const { ran, tool } = aSender(async () => {
    dying.abort(new ErrandError('ATTEMPT_LOCK_LOST', 'frozen'));
    throw dying.signal.reason;
  });
  const first = await attemptWith(tasks, taskId, [wants({ id: 'c1', name: 'send' })], [tool]);
  await expect(first.child.run(dying.signal)).rejects.toMatchObject({ code: 'ATTEMPT_LOCK_LOST' });

  const second = await attemptWith(tasks, taskId, [answer], [tool]);
  expect(await second.child.run(live)).toBe('done');
  expect(ran).toEqual([1]);
  expect(second.told).toMatchObject([
    { call_id: 'c1', is_error: true, text: expect.stringContaining('Outcome unknown') },
  ]);
  expect(second.child.effects.calls).toEqual([{ version: 1, id: '1.1', call_id: 'c1', tool: 'send' }]);
});

test('an effect with a recorded result is not run again; one not begun is run', async () => {
  const { tasks, taskIds } = await openRecords();
  const [taskId = ''] = taskIds;
  const { ran, tool } = aSender(async () => `sent ${ran.length}`);
  const dying = new AbortController();
  const look = aReader(async () => 'seen');
  const deadly = aReader(() => Promise.reject(dying.abort(new Error('killed'))));
  const turn = wants({ id: 'same', name: 'send' }, { id: 'other', name: 'look' }, { id: 'same', name: 'send' });
  const first = await attemptWith(tasks, taskId, [turn], [tool, deadly]);
  await expect(first.child.run(dying.signal)).rejects.toThrow('killed');

  const second = await attemptWith(tasks, taskId, [answer], [tool, look]);
  await second.child.run(live);
  expect(second.told.map(({ text }) => text)).toEqual(['sent 1', 'seen', 'sent 2']);
});

test('a superseded attempt begins no effect', async () => {
  const { tasks, taskIds } = await openRecords();
  const [taskId = ''] = taskIds;
  const { ran, tool } = aSender(async () => 'sent');
  const overtaken = aReader(async () => (await tasks.open(taskId, 'local', 'heir')).status);
  const turn = wants({ id: 'c1', name: 'look' }, { id: 'c2', name: 'send' });
  const { child } = await attemptWith(tasks, taskId, [turn], [tool, overtaken]);
  await expect(child.run(live)).rejects.toMatchObject({ code: 'ATTEMPT_SUPERSEDED' });
  expect(ran).toEqual([]);
  expect((await tasks.history(taskId)).effects).toEqual([]);
});

test('the outcome lists interrupted effects and bounds the cost of the repeated call', async () => {
  const simulator = await startSimulator();
  onTestFinished(() => simulator.close());
  const providers = simulatedProviders(simulator.url);
  const local = { ...providers.local, prices: { 'local-1': { input: 1, output: 10 } }, max_output_tokens: 1_000 };
  const { producer, prefix, startWorker, outcomesOf } = await aDeployment({
    settings: { providers: { ...providers, local } },
  });
  const { batch_id } = await producer.enqueue({ tasks: [{ goal: 'Send it', provider: 'local' }] });
  const taskId = taskIdOf(batch_id, 0);
  const tasks = new TaskRecords(openRedis(), prefix, new Redactor());
  await tasks.open(taskId, 'local', 'doomed');
  await tasks.checkpoint(taskId, 1, {
    version: 1,
    turn: 1,
    tool_results: [],
    reply: wants({ id: 'c1', name: 'send' }),
  });
  await tasks.journal(taskId, 1, { version: 1, id: '1.1', call_id: 'c1', tool: 'send' });
  await tasks.open(taskId, 'local', 'doomed too');

  await startWorker();
  await producer.settled(batch_id);
  const [outcome] = await outcomesOf(batch_id);
  expect(outcome).toMatchObject({
    status: 'succeeded',
    interrupted_effects: [{ call_id: 'c1', tool: 'send' }],
    calls_possibly_paid_twice: 2,
  });
  const [request] = simulator.requests();
  expect(request?.body).toContain('Outcome unknown');
  // The first lost attempt had recorded turn 1 and may have died in turn 2; so may the second.
  const bound = outcome?.possibly_paid_twice_usd ?? 0;
  const inputTokens = (outcome?.usage.input_tokens ?? 0) - 10;
  expect(bound).toBeCloseTo(2 * (inputTokens * 1e-6 + 1_000 * 10e-6), 10);
});
