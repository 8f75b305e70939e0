import fc from 'fast-check';
import type { Wire } from '../../src/contract/route.ts';
import { type Conversation, conversations, type TurnPlan, tokenOf } from './conversation.ts';
import { type Delivery, DIRECT } from './delivery.ts';
import { chatEvents, extraOf } from './streams/chat.ts';
import { messagesEvents } from './streams/messages.ts';
import { responsesEvents } from './streams/responses.ts';
import { type Form, PLAIN, type Stream, type Truth, truthOf, type WireEvent } from './streams/stream.ts';
import { CHANGING } from './twists/changing.ts';
import { FORMING, settle } from './twists/forming.ts';
import { SAYING } from './twists/saying.ts';
import { SENDING } from './twists/sending.ts';
import { type Twist, type TwistKind, twistsOf } from './twists/twist.ts';

/** The settings of the client for a case. */
export type Setup = { effort: 'none' | 'low' | 'high' | null; isBackground: boolean; isResumed: boolean };

/** A conversation, its twists, and the settings of its client. */
export type Case = Conversation & { twists: Twist[]; setup: Setup };

/** One turn as it is sent, and the truth about it. */
export type Rendered = { events: WireEvent[]; delivery: Delivery; truth: Truth };

const KINDS: Record<string, TwistKind> = { ...SAYING, ...FORMING, ...CHANGING, ...SENDING };

/** What is longer than this comes in pieces of this length at least: in single characters it would be gigabytes. */
const LONG = 500_000;
const LONG_PIECE = 65_536;

const EVENTS = { chat: chatEvents, messages: messagesEvents, responses: responsesEvents };

/** Twists that get more tries than others, because most of their draws are harmless. */
const OFTEN = ['a key of another kind', 'an invalid position', 'a value of another kind', 'an invalid figure'];

/** The names of all twists for a turn of a wire. */
export function twistNamesOf(wire: Wire): string[] {
  const names = Object.keys(KINDS).filter((name) => KINDS[name]?.wires?.includes(wire) ?? true);
  return [...names, ...OFTEN, ...OFTEN];
}

const setups = fc.record({
  effort: fc.constantFrom('none' as const, 'low' as const, 'high' as const, null),
  isBackground: fc.boolean(),
  isResumed: fc.boolean(),
});

/** Makes cases of the wires: none to three twists each. */
export function cases(wires: readonly Wire[]): fc.Arbitrary<Case> {
  return fc
    .constantFrom(...wires)
    .chain((wire) =>
      fc
        .tuple(conversations([wire]), fc.array(twistsOf(twistNamesOf(wire)), { maxLength: 3 }), setups)
        .map(([conversation, twists, setup]) => ({ ...conversation, twists, setup })),
    );
}

/** The signed content that the next request must contain, byte for byte. */
function opaqueIn(wire: Wire, turn: TurnPlan, number: number, form: Form): unknown[] {
  if (wire === 'chat') return turn.calls.map((_, at) => extraOf(tokenOf(number, at)).extra_content);
  if (wire === 'responses' && (form.items === 'text only' || turn.thoughts.length === 0)) return [];
  return turn.thoughts.map(({ text, seal }) => {
    if (wire === 'responses') return { encrypted_content: seal };
    if (form.thoughts === 'sealed') return { type: 'redacted_thinking', data: seal };
    return { type: 'thinking', thinking: text, signature: seal };
  });
}

function renderTurn(wire: Wire, plan: TurnPlan, number: number, twists: Twist[]): Rendered {
  const done = twists.flatMap((twist) => {
    const kind = KINDS[twist.name];
    return kind ? [{ twist, kind }] : [];
  });
  const turn = structuredClone(plan);
  const form = { ...PLAIN };
  for (const { twist, kind } of done) kind.say?.(turn, twist);
  for (const { twist, kind } of done) kind.form?.(form, twist, wire);
  if (JSON.stringify(turn).length > LONG) form.piece = Math.max(form.piece, LONG_PIECE);
  const truth = truthOf(turn, number);
  settle(form, truth, wire);
  truth.opaque = opaqueIn(wire, turn, number, form);
  const stream: Stream = { wire, number, events: structuredClone(EVENTS[wire](turn, number, form)), truth };
  const delivery = structuredClone(DIRECT);
  for (const { twist, kind } of done) kind.change?.(stream, twist, form);
  for (const { twist, kind } of done) kind.send?.(delivery, twist, stream);
  return { events: stream.events, delivery, truth };
}

/** Renders every turn of a case. */
export function render({ wire, turns, twists }: Case): Rendered[] {
  return turns.map((turn, at) =>
    renderTurn(
      wire,
      turn,
      at,
      twists.filter((twist) => twist.turn % turns.length === at),
    ),
  );
}
