import { isErrandError } from '../errors.ts';

/** Fewer tokens than this are no room for an answer: the conversation is what is too long. */
const MIN_ROOM = 16;
const MAX_ROOM = 100_000_000;

/**
 * How providers refuse a call that asks for more output than they allow. `most` is the limit itself; `window` and `input`
 * leave the difference; `limit` and `requested` count input and output together.
 */
const REFUSALS = [
  /supports at most (?<most>\d+)(?: completion| output)? tokens/i,
  /max_tokens: \d+ > (?<most>\d+)/i,
  /\d+ > (?<window>\d+) - (?<input>\d+)/,
  /(?<input>\d+) \+ \d+ > (?<window>\d+)/,
  /context length (?:is|of) (?<window>\d+).{0,160}?\D(?<input>\d+) (?:tokens )?(?:in|from|of) (?:the |text |input )*(?:messages|prompt|input).{0,80}?\d+ (?:tokens )?(?:in|for) the (?:completion|output)/is,
  /context length is (?<window>\d+) tokens.{0,160}?requested \d+ output tokens.{0,80}?(?<input>\d+) input tokens/is,
  /(?:max_?\w*tokens\b.{0,100}?(?:range|between)|range of max_?\w*tokens)\D{0,40}\d+\D{1,20}(?<most>\d+)/is,
  /max_?\w*tokens\b.{0,100}?(?:less than or equal to|at most|no (?:more|greater|larger) than|(?:can|must) ?not exceed|<=|limit (?:of|is)|maximum (?:value )?(?:is|of))\D{0,8}(?<most>\d+)/is,
  /maximum tokens you requested exceeds the model limit of (?<most>\d+)/i,
  /request too large.{0,300}?limit (?<limit>\d+), requested (?<requested>\d+)/is,
];

/** The room for output that a refusal leaves: a number of tokens, or how many fewer than were asked for. */
type Room = { most: number } | { fewer: number };

/** Reads the room for output out of a provider's refusal; `undefined` if it names none, or none is left. */
export function roomIn(message: string): Room | undefined {
  const text = message.replaceAll(/(\d)[,_](?=\d{3}\b)/g, '$1');
  for (const refusal of REFUSALS) {
    const { most, window, input, limit, requested } = refusal.exec(text)?.groups ?? {};
    if (limit !== undefined) return { fewer: Number(requested) - Number(limit) };
    const room = most === undefined ? Number(window) - Number(input) : Number(most);
    if (room >= MIN_ROOM && room <= MAX_ROOM) return { most: room };
  }
  return undefined;
}

/**
 * How many tokens a refused call may ask for instead. `undefined` if the error is no such refusal, or no fewer would help.
 * Only an answer that is nothing but a refusal counts: one inside a stream may have been paid for.
 */
export function limitAfter(error: unknown, asked: number): number | undefined {
  if (!isErrandError(error, 'PROVIDER_REFUSED_REQUEST') || error.httpStatus === undefined) return undefined;
  const room = roomIn(error.message);
  if (!room) return undefined;
  const limit = 'most' in room ? room.most : asked - room.fewer;
  return limit >= MIN_ROOM && limit < asked ? limit : undefined;
}
