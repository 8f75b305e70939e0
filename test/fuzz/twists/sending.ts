import type { Delivery } from '../delivery.ts';
import type { Stream } from '../streams/stream.ts';
import { pick, type Twist, type TwistKind } from './twist.ts';

function set(fields: Partial<Delivery>): TwistKind {
  return { send: (delivery) => void Object.assign(delivery, fields) };
}

/** Marks a turn so that only its end is expected. */
function spoil(fieldsOf: (twist: Twist) => Partial<Delivery>): TwistKind {
  return {
    send: (delivery, twist, { truth }) => {
      Object.assign(delivery, fieldsOf(twist));
      truth.isClear = false;
      truth.isBroken = true;
    },
  };
}

function insert({ events, truth }: Stream, at: number, data: unknown, name: string | null = null): void {
  events.splice(at % (events.length + 1), 0, { name, data });
  truth.isClear = false;
  truth.isBroken = true;
}

const COMPLAINTS: readonly unknown[] = [
  { error: { message: 'Insufficient credits', code: 402 } },
  { error: { message: 'rate limited', type: 'None', param: 'None', code: '429' } },
  { type: 'error', error: { type: 'overloaded_error', message: 'Overloaded' } },
  { type: 'response.failed', response: { error: { code: 'server_error', message: 'x' } } },
  { type: 'response.failed', response: null },
  { error: 'Incorrect API key provided' },
  { error: { message: { deep: 1 }, code: { a: 1 } } },
  { error: { message: 'm'.repeat(100_000), code: '__proto__', type: 'constructor' } },
  [{ error: { code: 429, message: 'Quota', details: [{ retryDelay: '9e99s' }] } }],
  { error: [] },
  { error: { ['__proto__']: { polluted: 1 }, message: '\ud83d' } },
  { detail: [{ msg: 'field required' }] },
  'words',
  null,
];

const STATUSES = [
  200, 204, 299, 304, 307, 400, 401, 402, 403, 404, 408, 409, 413, 422, 424, 425, 429, 499, 500, 503, 529, 599, 600,
  999,
];

const WAITS = ['0', '1', '-1', '1e300', 'NaN', 'soon', '99999999999', 'Wed, 21 Oct 2099 07:28:00 GMT', '٣'];

function answerWith({ at, deep, value, key }: Twist): Partial<Delivery> {
  const body = deep % 4 === 0 ? JSON.stringify(value) : JSON.stringify(pick(COMPLAINTS, deep));
  const type =
    pick(['application/json', 'text/html', 'text/event-stream', 'APPLICATION/JSON; charset=latin1', ''], deep) ?? '';
  return {
    status: pick(STATUSES, at) ?? 500,
    headers: {
      'content-type': type,
      'retry-after': pick(WAITS, deep + at) ?? '',
      'x-request-id': pick(['req_1', 'r'.repeat(5000), key, '%00'], at) ?? '',
    },
    body,
  };
}

/** What happens to bytes on the network. */
export const SENDING: Record<string, TwistKind> = {
  'bytes one by one': set({ piece: 1 }),
  'bytes in odd pieces': { send: (delivery, { at }) => void Object.assign(delivery, { piece: 1 + (at % 97) }) },
  'lines that end in CR LF': set({ newline: '\r\n' }),
  'lines that end in CR': set({ newline: '\r' }),
  'events without names': set({ hasNames: false }),
  comments: set({ hasComments: true }),
  'a byte order mark': set({ hasMark: true }),
  'a body that stays open after the end': {
    send: (delivery, _, { wire, events }) => {
      // A stream of the chat wire without [DONE] may stay open for 10 s, which is too long here.
      if (wire !== 'chat' || events.some(({ data }) => data === '[DONE]')) delivery.end = 'stay';
    },
  },
  'a body that is cut': spoil(({ at }) => ({ share: (at % 100) / 100 })),
  'a connection that breaks': spoil(({ at }) => ({ share: (at % 101) / 100, end: 'reset' })),
  'a body that hangs': spoil(({ at }) => ({ share: (at % 100) / 100, end: 'stay', isHanging: true })),
  'a byte that is no text': spoil(({ at }) => ({ badByte: (at % 100) / 100 })),
  'an answer that is no stream': spoil(answerWith),
  'an answer that is no stream and hangs': spoil((twist) => ({
    ...answerWith(twist),
    share: 0.9,
    end: 'stay',
    isHanging: true,
  })),
  'an event that is no JSON': {
    change: (stream, { at, deep }) => insert(stream, at, pick(['words', '{"a":', '[', '""', '1e999', '<html>'], deep)),
  },
  'an event from another wire': {
    change: (stream, { at, deep, value }) => {
      const type = pick(
        [
          'message_delta',
          'response.output_item.done',
          'content_block_delta',
          'response.completed',
          'error',
          'message_start',
        ],
        deep,
      );
      insert(stream, at, deep % 3 === 0 ? value : { type, value }, type ?? null);
    },
  },
  'an error in the stream': {
    change: (stream, { at, deep }) => insert(stream, at, pick(COMPLAINTS, deep), deep % 2 === 0 ? 'error' : null),
  },
};
