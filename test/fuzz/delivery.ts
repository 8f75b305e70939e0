import type { WireEvent } from './streams/stream.ts';

/** How the events of a turn get to the client. */
export type Delivery = {
  status: number;
  headers: Record<string, string>;
  /** Sent in the place of the events. */
  body: string | undefined;
  newline: '\n' | '\r\n' | '\r';
  hasNames: boolean;
  hasComments: boolean;
  hasMark: boolean;
  /** Bytes in one piece; 0 sends all at once. */
  piece: number;
  /** The share of the bytes that is sent; the rest never comes. */
  share: number;
  /** Whether one byte becomes one that no text has, and which by its share of all. */
  badByte: number | undefined;
  /** What follows the last byte. `stay` leaves the body open. */
  end: 'close' | 'reset' | 'stay';
  /** Whether the call can only end by a limit, so that the limits must be short. */
  isHanging: boolean;
};

/** How a server that works sends a turn. */
export const DIRECT: Delivery = {
  status: 200,
  headers: { 'content-type': 'text/event-stream' },
  body: undefined,
  newline: '\n',
  hasNames: true,
  hasComments: false,
  hasMark: false,
  piece: 0,
  share: 1,
  badByte: undefined,
  end: 'close',
  isHanging: false,
};

/** The most pieces that a body is sent in. */
const MOST_PIECES = 400;

function eventText({ name, data }: WireEvent, { newline, hasNames, hasComments }: Delivery): string {
  const text = typeof data === 'string' ? data : JSON.stringify(data);
  const lines = [
    ...(hasComments ? [': keep-alive', ''] : []),
    ...(hasNames && name !== null ? [`event: ${name}`] : []),
    `data: ${text}`,
    '',
    '',
  ];
  return lines.join(newline);
}

/** The bytes of a body, in the pieces they are sent in. */
export function piecesOf(events: readonly WireEvent[], delivery: Delivery): Buffer[] {
  const { body, hasMark, share, badByte, piece } = delivery;
  const text = body ?? `${hasMark ? '\ufeff' : ''}${events.map((event) => eventText(event, delivery)).join('')}`;
  const whole = Buffer.from(text);
  const bytes = whole.subarray(0, Math.ceil(whole.length * share));
  if (badByte !== undefined && bytes.length > 0) bytes[Math.floor((bytes.length - 1) * badByte)] = 0xff;
  const size = piece === 0 ? bytes.length || 1 : Math.max(piece, Math.ceil(bytes.length / MOST_PIECES));
  const pieces: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += size) pieces.push(bytes.subarray(at, at + size));
  return pieces;
}
