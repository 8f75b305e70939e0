import fc from 'fast-check';
import type { Wire } from '../../src/contract/route.ts';

/** A thought of a model before its answer. `seal` is the signature that must be sent again byte for byte. */
export type Thought = { text: string; seal: string };

/** A tool call of a turn. Its token, the place in the conversation, occurs only in its arguments. */
export type CallPlan = {
  tool: ToolName;
  filler: string;
  /** A name that replaces the name of the tool. */
  name?: string;
  /** Arguments that replace the arguments with the token. */
  raw?: string;
};

/** Tokens as the provider counts them. */
export type UsagePlan = { input: number; cached: number; output: number; reasoning: number };

/** What a model says in one turn. Without calls it is the answer. */
export type TurnPlan = { thoughts: Thought[]; pieces: string[]; calls: CallPlan[]; usage: UsagePlan };

/** A conversation: turns that call tools, and a last one that answers. */
export type Conversation = { wire: Wire; turns: TurnPlan[] };

/** The tools of the child: a tool that reads, a tool with an effect, and a tool with a long result full of emoji. */
export const TOOL_NAMES = ['look', 'bill', 'scroll'] as const;
export type ToolName = (typeof TOOL_NAMES)[number];

/** Well-formed text, some of it outside of the basic plane. */
const text = fc.string({
  unit: fc.constantFrom('a', 'b', ' ', '\n', '"', '\\', 'é', '😀', '‮', '\u0000', '</'),
  maxLength: 12,
});

const thought = fc.record({
  text: text.map((words) => `Hm. ${words}`),
  seal: fc.base64String({ minLength: 4, maxLength: 24 }),
});

const call = fc.record({ tool: fc.constantFrom('look', 'bill', 'look', 'bill', ...TOOL_NAMES), filler: text });

const usage = fc
  .tuple(fc.integer({ min: 1, max: 5000 }), fc.nat(5000), fc.integer({ min: 1, max: 2000 }), fc.nat(2000))
  .map(([input, cached, output, reasoning]) => ({
    input,
    cached: Math.min(cached, input),
    output,
    reasoning: Math.min(reasoning, output),
  }));

const common = { thoughts: fc.array(thought, { maxLength: 2 }), usage };

const withCalls = fc.record({
  ...common,
  pieces: fc.array(text, { maxLength: 3 }),
  calls: fc.array(call, { minLength: 1, maxLength: 3 }),
});

const answer = fc.record({
  ...common,
  pieces: fc.array(text, { maxLength: 3 }).map((more) => ['Done. ', ...more]),
  calls: fc.constant<CallPlan[]>([]),
});

/** Makes conversations of one to three turns over one of the wires. */
export function conversations(wires: readonly Wire[]): fc.Arbitrary<Conversation> {
  return fc
    .tuple(fc.constantFrom(...wires), fc.array(withCalls, { maxLength: 2 }), answer)
    .map(([wire, turns, last]) => ({ wire, turns: [...turns, last] }));
}

/** The mark of a call: unique in its conversation, so that each run of a tool can be traced to its call. */
export function tokenOf(turn: number, call: number): string {
  return `t${turn}c${call}`;
}

/** The arguments of a call as the model writes them. */
export function argumentsOf({ filler, raw }: CallPlan, token: string): string | { token: string; filler: string } {
  return raw ?? { token, filler };
}

/** The same arguments as text. */
export function argumentTextOf(call: CallPlan, token: string): string {
  return call.raw ?? JSON.stringify(argumentsOf(call, token));
}
