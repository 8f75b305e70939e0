import type { Wire } from '../../../src/contract/route.ts';
import { type TurnPlan, tokenOf, type UsagePlan } from '../conversation.ts';

/** One server-sent event. Text is sent as it is, everything else as JSON. */
export type WireEvent = { name: string | null; data: unknown };

/** How a provider renders what a model said, in the ways that differ between real ones and mean the same. */
export type Form = {
  /** How many characters of arguments or text come at a time. */
  piece: number;
  ids: 'own' | 'missing' | 'empty' | 'same';
  /** Where fragments say which call they belong to. */
  index: 'own' | 'absent' | 'zero' | 'sparse';
  /** What the fragments of a call after its first carry. */
  rest: 'bare' | 'empty' | 'other id' | 'repeated';
  /** Whether the first fragment of a call has a part of its arguments already. */
  start: 'with arguments' | 'without arguments';
  args: 'text' | 'object';
  isInterleaved: boolean;
  /** Whether each piece of text is a block or an item of its own. */
  isApart: boolean;
  /** Which of the two ways a thing is told twice on the responses wire is left out. */
  items: 'both' | 'done only' | 'end only' | 'text only';
  usage: 'end' | 'finish' | 'every' | 'none' | 'choice' | 'groq' | 'deepseek';
  /** Sent after the real figures. */
  placeholder: 'none' | 'empty' | 'zeros';
  /** The word for the end; `undefined` is the vendor's own. */
  word: string | undefined;
  thoughts: 'own' | 'details' | 'sealed';
  isDoneSent: boolean;
  isFinishTold: boolean;
  /** Whether text goes on after the reason for the end. */
  isTextLate: boolean;
};

/** How the vendor itself renders a turn. */
export const PLAIN: Form = {
  piece: 7,
  ids: 'own',
  index: 'own',
  rest: 'bare',
  start: 'without arguments',
  args: 'text',
  isInterleaved: false,
  isApart: false,
  items: 'both',
  usage: 'end',
  placeholder: 'none',
  word: undefined,
  thoughts: 'own',
  isDoneSent: true,
  isFinishTold: true,
  isTextLate: false,
};

/** What a child must make of a turn, as far as the stream still says it clearly. */
export type Truth = {
  /** False once the stream may mean anything: then only what holds for every stream is checked. */
  isClear: boolean;
  /** Whether a call may rightly run twice, because nothing in the stream tells a repeated one from a second one. */
  mayRepeat: boolean;
  text: string;
  /** The calls whose arguments name their token, and how many calls there are in all. */
  tokens: string[];
  calls: number;
  /** `null` is unknown; `any` is a figure or unknown. */
  usage: UsagePlan | null | 'any';
  /** The cost the provider tells. */
  costUsd?: number;
  /** How the turn ends, or which codes are right beside that. */
  stop: 'answer' | 'tools' | 'length' | 'refusal';
  codes: string[];
  /** Whether a failure with one of the codes is the only right end. */
  mustFail: boolean;
  /** What must be found in the next request, as it was sent. */
  opaque: unknown[];
  /** Whether the provider itself sent text that is no text. */
  isBroken: boolean;
};

/** A stream on its way to be sent: what twists change. */
export type Stream = { wire: Wire; number: number; events: WireEvent[]; truth: Truth };

/** The truth of a turn that is sent as it is. */
export function truthOf(turn: TurnPlan, number: number): Truth {
  const tokens = turn.calls.flatMap(({ raw }, at) => (raw === undefined ? [tokenOf(number, at)] : []));
  return {
    isClear: true,
    mayRepeat: false,
    text: turn.pieces.join(''),
    tokens,
    calls: turn.calls.length,
    usage: turn.usage,
    stop: turn.calls.length > 0 ? 'tools' : 'answer',
    codes: [],
    mustFail: false,
    opaque: [],
    isBroken: false,
  };
}

/** Cuts text into pieces of so many characters, never within one. */
export function cut(text: string, size: number): string[] {
  const characters = [...text];
  const pieces: string[] = [];
  for (let at = 0; at < characters.length; at += size) pieces.push(characters.slice(at, at + size).join(''));
  return pieces;
}

/** Takes turns among lists: the first of each, then the second of each. */
export function interleave<T>(lists: T[][]): T[] {
  const longest = Math.max(0, ...lists.map(({ length }) => length));
  return Array.from({ length: longest }, (_, at) => lists.flatMap((list) => list.slice(at, at + 1))).flat();
}

/** The id of a call under a form. */
export function idOf({ ids }: Form, own: string): { id?: string } {
  if (ids === 'missing') return {};
  if (ids === 'empty') return { id: '' };
  return { id: ids === 'same' ? 'call_same' : own };
}
