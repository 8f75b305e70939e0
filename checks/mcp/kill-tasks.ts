import type { TaskSpec } from '../../src/contract/task.ts';
import { PROVIDERS } from './stage.ts';

/** A task of the kills: the effect that it asks for, if any, and whether it calls a tool at all. */
export type KillTask = { task: TaskSpec; effect: string | null; isCalling: boolean };

/** How long a payment is under way after it happened, so that one is at every kill. */
const PAYMENT_MS = 1_500;
const WIRES = Object.values(PROVIDERS);

/** The kinds of tasks in one round, each with how many. Tasks of the kind `none` have tools, and call none. */
const KINDS = { pay: 5, fork: 2, wait: 1, everything: 1, filesystem: 1, send: 2, none: 3 } as const;
type Kind = keyof typeof KINDS;

/** How many tasks a round has. */
export const TASKS_A_ROUND = Object.values(KINDS).reduce((sum, count) => sum + count, 0);

/** The tasks of a round, numbered from `first`. `dir` is that of the files. */
export function tasksOf(first: number, dir: string): KillTask[] {
  const kinds = Object.entries(KINDS).flatMap(([kind, count]) => Array<Kind>(count).fill(kind as Kind));
  return kinds.map((kind, at) => taskOf(kind, first + at, dir));
}

/** Reads the mark of a task out of a text that holds its goal. */
export function markIn(text: string): string | null {
  return /kills \d+\./.exec(text)?.[0] ?? null;
}

function taskOf(kind: Kind, number: number, dir: string): KillTask {
  const { toolset, call, effect } = CALLS[kind](number, dir);
  const directive = call && `[[sim: tool=${toolset}__${call.tool} args=${JSON.stringify(call.args)}]] `;
  const goal = `kills ${number}. ${directive ?? ''}[[sim: text="done"]]`;
  const provider = WIRES[number % WIRES.length] ?? WIRES[0];
  return { task: { goal, provider, toolsets: [`mcp:${toolset}`] }, effect: effect ?? null, isCalling: call !== null };
}

type Asked = { toolset: string; call: { tool: string; args: object } | null; effect?: string };

const CALLS: Record<Kind, (number: number, dir: string) => Asked> = {
  pay: (amount) => ({
    toolset: 'liar',
    call: { tool: 'pay', args: { amount, sleep_ms: PAYMENT_MS } },
    effect: `pay ${amount}`,
  }),
  fork: () => ({ toolset: 'stubborn', call: { tool: 'fork', args: {} } }),
  wait: () => ({ toolset: 'hangs', call: { tool: 'wait', args: {} } }),
  everything: () => ({ toolset: 'everything', call: { tool: 'echo', args: { message: 'mcp' } } }),
  filesystem: (number, dir) => ({
    toolset: 'filesystem',
    call: { tool: 'write_file', args: { path: `${dir}/${number}.txt`, content: 'hi' } },
  }),
  send: (number) => ({
    toolset: 'web',
    call: { tool: 'send', args: { text: `send ${number}` } },
    effect: `send ${number}`,
  }),
  none: (number) => ({ toolset: ['liar', 'everything', 'hangs'][number % 3] ?? 'liar', call: null }),
};
