import type { TurnPlan } from '../conversation.ts';
import { pick, type Twist, type TwistKind } from './twist.ts';

/** The maximum stored size of a reply. */
const MAX_STORED_BYTES = 3 * 1024 * 1024;

const BROKEN_ARGUMENTS = ['', '{"path": "a', '[1]', 'null', '"words"', '{}{}', '7', '{"a":"\ud83d"}', 'undefined'];

const STRANGE_NAMES = [
  'no_such_tool',
  'a name with spaces',
  `${'x'.repeat(98)}😀😀`,
  '__proto__',
  'constructor',
  'näme',
  'a'.repeat(300),
];

function changeCall(turn: TurnPlan, at: number, change: Partial<TurnPlan['calls'][number]>): void {
  const call = pick(turn.calls, at);
  if (call) Object.assign(call, change);
}

function lengthen(turn: TurnPlan, at: number): void {
  const long = [0, 1].includes(at % 5)
    ? 'a'.repeat(MAX_STORED_BYTES + 1000)
    : '\u0000'.repeat(MAX_STORED_BYTES / 6 + 1000);
  const [thought, call] = [turn.thoughts[0], turn.calls[0]];
  if (at % 5 === 3 && thought) Object.assign(thought, { text: long, seal: long });
  else if (at % 5 === 4 && call) call.filler = long;
  else turn.pieces.push(long);
}

/** Replaces the text of a turn with calls. A text that another twist made too large to keep stays. */
function sayBesideCalls(turn: TurnPlan, pieces: string[]): void {
  const isShort = turn.pieces.join('').length < 100_000;
  if (turn.calls.length > 0 && isShort) turn.pieces = pieces;
}

/** Output of a model that providers, records or tools do not expect. */
export const SAYING: Record<string, TwistKind> = {
  'white space beside calls': {
    say: (turn) => {
      sayBesideCalls(turn, [' \n', '\t']);
    },
  },
  'text is empty': {
    say: (turn) => {
      sayBesideCalls(turn, ['', '']);
    },
  },
  'half a character': {
    say: (turn, { at }) => void turn.pieces.splice(at % (turn.pieces.length + 1), 0, '\ud83d'),
    change: ({ truth }) => {
      truth.isBroken = true;
    },
  },
  'a character over two pieces': {
    wires: ['chat', 'messages'],
    say: (turn, { at }) => void turn.pieces.splice(at % (turn.pieces.length + 1), 0, '\ud83d', '\ude00'),
  },
  'arguments that are no object': {
    say: (turn, { at, deep }) => changeCall(turn, deep, { raw: pick(BROKEN_ARGUMENTS, at) ?? '' }),
    change: ({ truth }) => {
      truth.isBroken = true;
    },
  },
  'a tool that does not exist': {
    say: (turn, { at, deep }) => changeCall(turn, deep, { name: pick(STRANGE_NAMES, at) ?? '' }),
  },
  'a tool without a name': {
    say: (turn, { deep }) => changeCall(turn, deep, { name: '' }),
    change: ({ truth }) => {
      truth.isClear = false;
    },
  },
  'a reply too large to keep': {
    say: (turn, { at }: Twist) => lengthen(turn, at),
    change: ({ truth }) => fail(truth, 'PROVIDER_REPLY_TOO_LARGE'),
  },
  'too many calls': {
    say: (turn, { at }) => {
      const [first] = turn.calls;
      if (first)
        turn.calls = Array.from({ length: 129 + (at % 3) * 400 }, () => ({
          ...first,
          tool: 'look' as const,
          filler: '',
        }));
    },
    change: ({ truth }) => {
      if (truth.calls > 128) fail(truth, 'PROVIDER_REPLY_TOO_LARGE', 'PROVIDER_MALFORMED');
    },
  },
  'many large texts': {
    wires: ['responses'],
    say: (turn, { at }) => {
      turn.pieces = Array.from({ length: 1000 }, (_, piece) => `${'x'.repeat(1 + (at % 2) * 2500)}${piece}`);
    },
    form: (form) => {
      Object.assign(form, { isApart: true, index: 'zero', ids: 'missing', items: 'done only' });
    },
    change: ({ truth }) => {
      truth.isClear = false;
    },
  },
  'too many blocks': {
    wires: ['messages', 'responses'],
    say: (turn, { at }) => {
      turn.pieces = Array.from({ length: 1025 + (at % 3) * 1000 }, () => 'x');
    },
    form: (form) => {
      form.isApart = true;
    },
    change: ({ truth }) => {
      // Another twist may have changed what the model says.
      if (truth.text.length > 1024) fail(truth, 'PROVIDER_REPLY_TOO_LARGE', 'PROVIDER_MALFORMED');
    },
  },
};

function fail(truth: { codes: string[]; mustFail: boolean }, ...codes: string[]): void {
  truth.codes.push(...codes);
  truth.mustFail = true;
}
