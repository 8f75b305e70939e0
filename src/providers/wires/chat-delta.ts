import { fieldOf, isObject, wordOf } from '../../base/foreign.ts';
import { type Growing, grown } from './growing.ts';
import { placeOf, type ReplyLimits } from './reply-limits.ts';

/** Strings that name or sign something arrive whole; every other string arrives in pieces. */
const WHOLE = new Set(['id', 'type', 'role', 'name', 'format']);

const NONE: ReadonlySet<string> = new Set();

/** Fields of a list entry that only continues the text of the entry before it. */
const FLOWING = new Set(['type', 'format', 'text', 'thinking']);

/** Gemini gives every call of a turn the index 0, so a different id is a different entry. */
function isSame(id: string, other: string): boolean {
  return id === '' || other === '' || id === other;
}

/** Content that arrives sometimes as text and sometimes as a list of parts is kept as a list. */
function asParts(content: unknown): unknown[] {
  if (Array.isArray(content)) return content;
  return typeof content === 'string' && content !== '' ? [{ type: 'text', text: content }] : [];
}

/** Tells whether a piece only continues the text of the entry before it, as Mistral streams its thoughts. */
function flowsInto(entry: unknown, piece: unknown): boolean {
  if (!isObject(entry) || !isObject(piece) || entry.type !== piece.type || entry.format !== piece.format) return false;
  return [entry, piece].every((part) => Object.keys(part).every((name) => FLOWING.has(name)));
}

/** The entry that a piece continues; `undefined` if it begins an entry. */
function entryFor(piece: unknown, list: readonly unknown[]): unknown {
  const place = placeOf(fieldOf(piece, 'index'));
  if (place === undefined) return flowsInto(list.at(-1), piece) ? list.at(-1) : undefined;
  const known = list.findLast((entry) => fieldOf(entry, 'index') === place);
  return isSame(wordOf(known, 'id'), wordOf(piece, 'id')) ? known : undefined;
}

function mergeLists(into: unknown[], pieces: readonly unknown[], limits: ReplyLimits): unknown[] {
  for (const piece of pieces) {
    const known = entryFor(piece, into);
    if (isObject(known) && isObject(piece)) mergeDelta(known, piece, limits);
    else {
      limits.block();
      into.push(grown(piece));
    }
  }
  return into;
}

/**
 * Adds one streamed piece of an assistant message to the message so far, in place, without the fields in `leftOut`.
 *
 * Fields that Errand does not know are merged by the same rules, because a provider may need them again verbatim on the next
 * turn: `reasoning_content` (DeepSeek, Kimi), `reasoning_details` (OpenRouter), `extra_content` (Gemini).
 *
 * @throws ErrandError `PROVIDER_REPLY_TOO_LARGE` if a reply has too many list entries, and SyntaxError for an entry with an
 * invalid index.
 */
export function mergeDelta(
  message: Growing,
  delta: Readonly<Record<string, unknown>>,
  limits: ReplyLimits,
  leftOut: ReadonlySet<string> = NONE,
): void {
  for (const [key, piece] of Object.entries(delta)) {
    if (leftOut.has(key)) continue;
    const known = message[key];
    if (piece === null || piece === undefined) message[key] ??= null;
    else if (typeof piece === 'string' && typeof known === 'string' && !WHOLE.has(key)) message[key] = known + piece;
    else if (Array.isArray(piece)) message[key] = mergeLists(asParts(known), piece, limits);
    else if (Array.isArray(known)) message[key] = mergeLists(known, asParts(piece), limits);
    else if (isObject(piece) && isObject(known)) mergeDelta(known, piece, limits);
    else message[key] = grown(piece);
  }
}
