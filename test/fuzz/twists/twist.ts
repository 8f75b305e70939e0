import fc from 'fast-check';
import type { Wire } from '../../../src/contract/route.ts';
import type { TurnPlan } from '../conversation.ts';
import type { Delivery } from '../delivery.ts';
import { HOSTILE_KEYS, hostileValues } from '../hostile.ts';
import type { Form, Stream } from '../streams/stream.ts';

/** One change to one turn of a conversation. The numbers select the place, if the twist needs one. */
export type Twist = { name: string; turn: number; at: number; deep: number; key: string; value: unknown };

/** The steps of a twist, from the output of the model to the bytes that are sent. */
export type TwistKind = {
  /** The wires of the twist; absent for all wires. */
  wires?: readonly Wire[];
  /** Changes what the model says; the truth is taken after it. */
  say?: (turn: TurnPlan, twist: Twist) => void;
  /** Changes how it is rendered. */
  form?: (form: Form, twist: Twist, wire: Wire) => void;
  /** Changes the events, and the truth about them. */
  change?: (stream: Stream, twist: Twist, form: Form) => void;
  /** Changes how the events are sent. */
  send?: (delivery: Delivery, twist: Twist, stream: Stream) => void;
};

/** Makes twists of the kinds with these names. */
export function twistsOf(names: readonly string[]): fc.Arbitrary<Twist> {
  return fc.record({
    name: fc.constantFrom(...names),
    turn: fc.nat(2),
    at: fc.nat(1000),
    deep: fc.nat(1000),
    key: fc.oneof(fc.constantFrom('__proto__', 'constructor'), fc.constantFrom(...HOSTILE_KEYS)),
    value: fc.oneof(fc.constant<unknown>({ polluted: 'yes', prototype: { polluted: 'yes' } }), hostileValues),
  });
}

/** Selects one of the choices by a number of a twist. */
export function pick<T>(choices: readonly T[], at: number): T | undefined {
  return choices[at % Math.max(1, choices.length)];
}
