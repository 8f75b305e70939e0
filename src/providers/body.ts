import { isErrandError } from '../errors.ts';
import { parseBounded } from './json-structure.ts';

/** How much of an answer that is not a stream is read, and how long to wait for its end after the headers. */
const MAX_TEXT_BYTES = 256 * 1024;
const MAX_WAIT_MS = 5_000;

type Bytes = AsyncIterator<Uint8Array>;

/**
 * Reads a body as text. If the body is too long, breaks off or does not end in time, returns the part that arrived,
 * because the status and the headers are enough to report the error.
 *
 * `head` is the part of the body that was read before.
 */
export async function boundedText(body: Bytes, head = ''): Promise<string> {
  const decoder = new TextDecoder();
  const expired = Promise.withResolvers<undefined>();
  const timer = setTimeout(() => expired.resolve(undefined), MAX_WAIT_MS);
  let text = head;
  try {
    while (text.length < MAX_TEXT_BYTES) {
      const next = await Promise.race([body.next(), expired.promise]);
      if (!next || next.done) break;
      text += decoder.decode(next.value, { stream: true });
    }
  } catch {
    // The connection broke: the part that arrived counts.
  } finally {
    clearTimeout(timer);
  }
  return text.slice(0, MAX_TEXT_BYTES).toWellFormed();
}

/** Parses JSON; `undefined` for other text. @throws ErrandError `PROVIDER_REPLY_TOO_LARGE`. */
export function jsonOf(text: string): unknown {
  try {
    return parseBounded(text);
  } catch (error) {
    if (isErrandError(error)) throw error;
    return undefined;
  }
}
