import { isErrandError } from '../errors.ts';
import { parseBounded } from './json-structure.ts';

/** How much of an answer that is no stream is read, and how long its end is waited for once its headers are there. */
const MAX_TEXT_BYTES = 256 * 1024;
const MAX_WAIT_MS = 5_000;

type Bytes = AsyncIterator<Uint8Array>;

/**
 * Reads a body as text. What is too long, breaks off or does not end in time is returned as far as it came: the status of
 * the answer and its headers say enough to go on.
 *
 * `head` is what was read of it before.
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
    // The connection broke: what came before counts.
  } finally {
    clearTimeout(timer);
  }
  return text.slice(0, MAX_TEXT_BYTES).toWellFormed();
}

/** Parses JSON; `undefined` for anything else. @throws ErrandError `PROVIDER_REPLY_TOO_LARGE`. */
export function jsonOf(text: string): unknown {
  try {
    return parseBounded(text);
  } catch (error) {
    if (isErrandError(error)) throw error;
    return undefined;
  }
}
