import type { Wire } from '../../../src/contract/route.ts';
import type { Form, Truth } from '../streams/stream.ts';
import { pick, type TwistKind } from './twist.ts';

const CHAT = ['chat'] as const;

function set(form: Partial<Form>, wires?: TwistKind['wires']): TwistKind {
  return { ...(wires && { wires }), form: (growing) => void Object.assign(growing, form) };
}

const ANSWER_WORDS: [string, Truth['stop']][] = [
  ['STOP', 'answer'],
  ['stop_sequence', 'answer'],
  ['end_turn', 'answer'],
];
const LENGTH_WORDS: [string, Truth['stop']][] = [
  ['MAX_TOKENS', 'length'],
  ['max_tokens', 'length'],
  ['model_length', 'length'],
  ['length', 'length'],
];
const FILTER_WORDS: [string, Truth['stop']][] = [
  ['sensitive', 'refusal'],
  ['content_filter', 'refusal'],
];

/** Stop reasons by wire, and their meaning. */
const WORDS = {
  chat: [...ANSWER_WORDS, ['eos', 'answer'], ['stop', 'answer'], ...LENGTH_WORDS, ...FILTER_WORDS],
  messages: [...ANSWER_WORDS, ...LENGTH_WORDS, ...FILTER_WORDS, ['refusal', 'refusal']],
  responses: [
    ['max_output_tokens', 'length'],
    ['content_filter', 'refusal'],
  ],
} satisfies Record<Wire, [string, Truth['stop']][]>;

function wordOf(wire: Wire, at: number): [string, Truth['stop']] {
  return pick<[string, Truth['stop']]>(WORDS[wire], at) ?? ['stop', 'answer'];
}

/** Variations of real providers that mean the same as the form of the vendor. */
export const FORMING: Record<string, TwistKind> = {
  'one character at a time': set({ piece: 1 }),
  'all at once': set({ piece: 1_000_000 }),
  interleaved: set({ isInterleaved: true }),
  'ids that are missing': set({ ids: 'missing' }),
  'ids that are empty': set({ ids: 'empty' }),
  'ids that are doubled': set({ ids: 'same' }),
  'arguments as an object': set({ args: 'object' }),
  'positions with gaps': set({ index: 'sparse' }),
  'all at position 0': set({ index: 'zero' }, ['chat', 'responses']),
  'fragments without a position': set({ index: 'absent' }, CHAT),
  'fragments with empty id and name': set({ rest: 'empty' }, CHAT),
  'fragments with another id': set({ rest: 'other id' }, CHAT),
  'fragments that repeat id and name': set({ rest: 'repeated' }, CHAT),
  'calls without id at position 0': set(
    { ids: 'empty', index: 'zero', piece: 1_000_000, start: 'with arguments' },
    CHAT,
  ),
  'arguments in the first fragment': set({ start: 'with arguments' }, CHAT),
  'reasoning details': set({ thoughts: 'details' }, CHAT),
  'redacted thinking': set({ thoughts: 'sealed' }, ['messages']),
  'usage with the reason': set({ usage: 'finish' }, CHAT),
  'usage in every chunk': set({ usage: 'every' }, CHAT),
  'usage in the choice': set({ usage: 'choice' }, CHAT),
  'usage beside the choices': set({ usage: 'groq' }, CHAT),
  'usage with cache hits': set({ usage: 'deepseek' }, CHAT),
  'usage left out': set({ usage: 'none' }),
  'usage {} after the figures': set({ placeholder: 'empty' }),
  'usage 0 after the figures': set({ placeholder: 'zeros' }),
  'usage {} alone': set({ usage: 'none', placeholder: 'empty' }),
  'usage 0 alone': set({ usage: 'none', placeholder: 'zeros' }),
  'no [DONE]': {
    wires: CHAT,
    form: (form) => {
      form.isDoneSent = !form.isFinishTold;
    },
  },
  '[DONE] and no reason': set({ isDoneSent: true, isFinishTold: false }, CHAT),
  'text after the reason': set({ isTextLate: true }, CHAT),
  'each text apart': set({ isApart: true }, ['messages', 'responses']),
  'items at their end only': set({ items: 'done only' }, ['responses']),
  'items with the response only': set({ items: 'end only' }, ['responses']),
  'text in deltas only': set({ items: 'text only' }, ['responses']),
  'another word for the end': {
    form: (form, { at }, wire) => {
      form.word = wordOf(wire, at)[0];
    },
    change: ({ wire, truth }, { at }, form) => {
      if (wire === 'chat' && !form.isFinishTold) return;
      const [, stop] = wordOf(wire, at);
      truth.stop = stop === 'answer' && truth.calls > 0 ? 'tools' : stop;
    },
  },
};

/** Undoes combinations that are impossible, and marks what a form makes ambiguous. */
export function settle(form: Form, truth: Truth, wire: string): void {
  if (truth.calls > 0 && form.items === 'text only') form.items = 'both';
  if (form.usage === 'none') truth.usage = null;
  const isShared = form.index === 'zero' || form.index === 'absent';
  // Texts that are equal and have nothing to tell them apart are one that was sent again.
  const isNameless = form.ids === 'missing' || form.ids === 'empty';
  if (wire === 'responses' && form.isApart && form.index === 'zero' && isNameless) truth.isClear = false;
  // Arguments that are no object are never complete, so the next call would be a part of them.
  const hasBroken = truth.tokens.length < truth.calls;
  if (wire === 'chat' && isShared && isNameless && hasBroken && truth.calls > 1) truth.isClear = false;
  if (wire === 'chat' && isShared && form.ids === 'same' && truth.calls > 1) truth.isClear = false;
}
