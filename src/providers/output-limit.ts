import { isErrandError } from '../errors.ts';

/** Only this much of a message is searched, so that a long message cannot block the process. */
const SEARCHED_CHARS = 4_096;

/** The minimum room for an answer, in tokens. With less, the conversation itself is too long. */
const MIN_ROOM = 16;
const MAX_ROOM = 100_000_000;

/**
 * How providers refuse a call that asks for more output than they allow. `most` is the limit itself; `window` and `input`
 * leave the difference; `limit` and `requested` count input and output together.
 */
const REFUSALS = [
  /supports at most (?<most>\d{1,12})\b(?: completion| output)? tokens/i,
  /max_tokens: \d{1,12} > (?<most>\d{1,12})\b/i,
  /\b\d{1,12} > (?<window>\d{1,12})\b - (?<input>\d{1,12})\b/,
  /\b(?<input>\d{1,12}) \+ \d{1,12} > (?<window>\d{1,12})\b/,
  /context length (?:is|of) (?<window>\d{1,12})\b.{0,160}?\D(?<input>\d{1,12})\b (?:tokens )?(?:in|from|of) (?:the |text |input )*(?:messages|prompt|input).{0,80}?\d{1,12} (?:tokens )?(?:in|for) the (?:completion|output)/is,
  /context length is (?<window>\d{1,12})\b tokens.{0,160}?requested \d{1,12} output tokens.{0,80}?(?<input>\d{1,12})\b input tokens/is,
  /(?:max_?\w*tokens\b.{0,100}?(?:range|between)|range of max_?\w*tokens)\D{0,40}\d{1,12}\D{1,20}(?<most>\d{1,12})\b/is,
  /max_?\w*tokens\b.{0,100}?(?:less than or equal to|at most|no (?:more|greater|larger) than|(?:can|must) ?not exceed|<=|limit (?:of|is)|maximum (?:value )?(?:is|of))\D{0,8}(?<most>\d{1,12})\b/is,
  /maximum tokens you requested exceeds the model limit of (?<most>\d{1,12})\b/i,
  /request too large.{0,300}?limit (?<limit>\d{1,12})\b, requested (?<requested>\d{1,12})\b/is,
];

/** The room for output that a refusal leaves: a number of tokens, or how many tokens fewer than requested. */
type Room = { most: number } | { fewer: number };

/** Reads the room for output from a provider's refusal; `undefined` if it names no room, or if no room is left. */
export function roomIn(message: string): Room | undefined {
  const text = message.slice(0, SEARCHED_CHARS).replaceAll(/(\d)[,_](?=\d{3}\b)/g, '$1');
  for (const refusal of REFUSALS) {
    const { most, window, input, limit, requested } = refusal.exec(text)?.groups ?? {};
    if (limit !== undefined) return { fewer: Number(requested) - Number(limit) };
    const room = most === undefined ? Number(window) - Number(input) : Number(most);
    if (room >= MIN_ROOM && room <= MAX_ROOM) return { most: room };
  }
  return undefined;
}

/**
 * How many tokens a refused call may ask for instead; `undefined` if the error is not such a refusal, or if fewer tokens do
 * not help. Only an answer that is a refusal as a whole counts: a refusal inside a stream may have been paid for.
 */
export function limitAfter(error: unknown, asked: number): number | undefined {
  if (!isErrandError(error, 'PROVIDER_REFUSED_REQUEST') || error.httpStatus === undefined) return undefined;
  const room = roomIn(error.message);
  if (!room) return undefined;
  const limit = 'most' in room ? room.most : asked - room.fewer;
  return limit >= MIN_ROOM && limit < asked ? limit : undefined;
}
