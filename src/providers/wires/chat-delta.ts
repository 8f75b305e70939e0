type Json = Record<string, unknown>;

/** Strings that name or sign something arrive whole; every other string arrives in pieces. */
const WHOLE = new Set(['id', 'type', 'role', 'name', 'format']);

function isJson(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Gemini gives every call of a turn the index 0: another id is another call. */
function isSame(id: unknown, other: unknown): boolean {
  return !id || !other || id === other;
}

/** Content that comes as text and as a list of parts by turns is kept as a list. */
function asParts(content: unknown): unknown[] {
  if (Array.isArray(content)) return content;
  return typeof content === 'string' && content !== '' ? [{ type: 'text', text: content }] : [];
}

function mergeLists(into: unknown[], pieces: unknown[]): unknown[] {
  for (const piece of pieces) {
    const position = isJson(piece) && typeof piece.index === 'number' ? piece.index : undefined;
    const known = into.findLast((entry) => isJson(entry) && position !== undefined && entry.index === position);
    if (isJson(known) && isJson(piece) && isSame(known.id, piece.id)) mergeDelta(known, piece);
    else into.push(structuredClone(piece));
  }
  return into;
}

/**
 * Adds one streamed piece of an assistant message to what has come so far, in place.
 *
 * Fields nobody here knows are merged by the same rules, because a provider may want them back verbatim on the next
 * turn: `reasoning_content` (DeepSeek, Kimi), `reasoning_details` (OpenRouter), `extra_content` (Gemini).
 */
export function mergeDelta(message: Json, delta: Json): void {
  for (const [key, piece] of Object.entries(delta)) {
    const known = message[key];
    if (piece === null || piece === undefined) message[key] ??= null;
    else if (typeof piece === 'string' && typeof known === 'string' && !WHOLE.has(key)) message[key] = known + piece;
    else if (Array.isArray(piece)) message[key] = mergeLists(asParts(known), piece);
    else if (Array.isArray(known)) message[key] = [...known, ...asParts(piece)];
    else if (isJson(piece) && isJson(known)) mergeDelta(known, piece);
    else message[key] = structuredClone(piece);
  }
}
