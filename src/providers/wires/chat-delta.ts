type Json = Record<string, unknown>;

/** Strings that name or sign something arrive whole; every other string arrives in pieces. */
const WHOLE = new Set(['id', 'type', 'role', 'name', 'format']);

function isJson(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function mergeLists(into: unknown[], pieces: unknown[]): unknown[] {
  for (const piece of pieces) {
    const position = isJson(piece) && typeof piece.index === 'number' ? piece.index : undefined;
    const known = into.find((entry) => isJson(entry) && position !== undefined && entry.index === position);
    if (isJson(known) && isJson(piece)) mergeDelta(known, piece);
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
    else if (Array.isArray(piece)) message[key] = mergeLists(Array.isArray(known) ? known : [], piece);
    else if (isJson(piece) && isJson(known)) mergeDelta(known, piece);
    else message[key] = structuredClone(piece);
  }
}
