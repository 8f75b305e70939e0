import type { Wire } from '../../../src/contract/route.ts';
import { type TurnPlan, tokenOf, type UsagePlan } from '../conversation.ts';

/** One server-sent event. Text is sent unchanged, other values as JSON. */
export type WireEvent = { name: string | null; data: unknown };

/** How a provider renders a turn: the variations between real providers that mean the same. */
export type Form = {
  /** How many characters of arguments or text are sent at a time. */
  piece: number;
  ids: 'own' | 'missing' | 'empty' | 'same';
  /** How fragments identify their call. */
  index: 'own' | 'absent' | 'zero' | 'sparse';
  /** What the later fragments of a call contain. */
  rest: 'bare' | 'empty' | 'other id' | 'repeated';
  /** Whether the first fragment of a call has a part of its arguments. */
  start: 'with arguments' | 'without arguments';
  args: 'text' | 'object';
  isInterleaved: boolean;
  /** Whether each piece of text is a separate block or item. */
  isApart: boolean;
  /** The responses wire sends all content twice; this names the copy that is left out. */
  items: 'both' | 'done only' | 'end only' | 'text only';
  usage: 'end' | 'finish' | 'every' | 'none' | 'choice' | 'groq' | 'deepseek';
  /** Sent after the real numbers. */
  placeholder: 'none' | 'empty' | 'zeros';
  /** The stop reason; `undefined` is the vendor's own word. */
  word: string | undefined;
  thoughts: 'own' | 'details' | 'sealed';
  isDoneSent: boolean;
  isFinishTold: boolean;
  /** Whether text continues after the stop reason. */
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

/** What a child must read from a turn, as far as the stream is unambiguous. */
export type Truth = {
  /** False once the stream is ambiguous: then only the properties of every stream are checked. */
  isClear: boolean;
  /** Whether a call may run twice, because the stream does not distinguish a repeated call from a second call. */
  mayRepeat: boolean;
  text: string;
  /** The calls whose arguments contain their token, and the number of all calls. */
  tokens: string[];
  calls: number;
  /** `null` is unknown; `any` is a number or unknown. */
  usage: UsagePlan | null | 'any';
  /** The cost that the provider reports. */
  costUsd?: number;
  /** How the turn ends, and the failure codes that are also correct. */
  stop: 'answer' | 'tools' | 'length' | 'refusal';
  codes: string[];
  /** Whether only a failure with one of the codes is correct. */
  mustFail: boolean;
  /** Content that the next request must contain unchanged. */
  opaque: unknown[];
  /** Whether the provider itself sent invalid text. */
  isBroken: boolean;
};

/** A stream before it is sent: the object that twists change. */
export type Stream = { wire: Wire; number: number; events: WireEvent[]; truth: Truth };

/** The truth of a turn without twists. */
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

/** Cuts text into pieces of this many characters, never within a character. */
export function cut(text: string, size: number): string[] {
  const characters = [...text];
  const pieces: string[] = [];
  for (let at = 0; at < characters.length; at += size) pieces.push(characters.slice(at, at + size).join(''));
  return pieces;
}

/** Interleaves lists: the first entry of each, then the second entry of each. */
export function interleave<T>(lists: T[][]): T[] {
  const longest = Math.max(0, ...lists.map(({ length }) => length));
  return Array.from({ length: longest }, (_, at) => lists.flatMap((list) => list.slice(at, at + 1))).flat();
}

/** The id of a call in a form. */
export function idOf({ ids }: Form, own: string): { id?: string } {
  if (ids === 'missing') return {};
  if (ids === 'empty') return { id: '' };
  return { id: ids === 'same' ? 'call_same' : own };
}
