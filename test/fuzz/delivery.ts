import type { WireEvent } from './streams/stream.ts';

/** How the events of a turn get to the client. */
export type Delivery = {
  status: number;
  headers: Record<string, string>;
  /** Sent instead of the events. */
  body: string | undefined;
  newline: '\n' | '\r\n' | '\r';
  hasNames: boolean;
  hasComments: boolean;
  hasMark: boolean;
  /** Bytes in one piece; 0 sends all at once. */
  piece: number;
  /** The share of the bytes that is sent. */
  share: number;
  /** If set, one byte becomes a byte that no text has: the byte at this share of the body. */
  badByte: number | undefined;
  /** What follows the last byte. `stay` leaves the body open. */
  end: 'close' | 'reset' | 'stay';
  /** Whether only a limit can end the call, so that the limits must be short. */
  isHanging: boolean;
};

/** How a correct server sends a turn. */
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

/** The maximum number of pieces of a body. */
const MAX_PIECES = 400;

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

/** The bytes of a body, in pieces as they are sent. */
export function piecesOf(events: readonly WireEvent[], delivery: Delivery): Buffer[] {
  const { body, hasMark, share, badByte, piece } = delivery;
  const text = body ?? `${hasMark ? '\ufeff' : ''}${events.map((event) => eventText(event, delivery)).join('')}`;
  const whole = Buffer.from(text);
  const bytes = whole.subarray(0, Math.ceil(whole.length * share));
  if (badByte !== undefined && bytes.length > 0) bytes[Math.floor((bytes.length - 1) * badByte)] = 0xff;
  const size = piece === 0 ? bytes.length || 1 : Math.max(piece, Math.ceil(bytes.length / MAX_PIECES));
  const pieces: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += size) pieces.push(bytes.subarray(at, at + size));
  return pieces;
}
