import { byteLength } from '../base/text.ts';
import type { Turn } from '../contract/checkpoint.ts';
import { ErrandError } from '../errors.ts';
import { isRecord } from './complaint.ts';
import { MAX_VALUES } from './json-structure.ts';

/**
 * The maximum size of the reply of one turn, in bytes of its record. A larger reply cannot be stored, so it is not read to
 * its end.
 */
export const MAX_REPLY_BYTES = 3 * 1024 * 1024;

/**
 * The maximum size of an event, in characters. The terminal event of a response repeats its whole output and the tools of
 * the request.
 */
export const MAX_EVENT_CHARS = 4 * 1024 * 1024;

/**
 * The maximum length of a stream, in characters. 3 MiB of text in events of one character each take more, but no provider
 * sends that.
 */
const MAX_STREAM_CHARS = 256 * 1024 * 1024;

/** A stream up to this length cannot be too large, so short replies are not weighed. */
const UNWEIGHED_CHARS = 128 * 1024;

/**
 * The maximum number of different field names in one reply: each name makes the message larger, and every copy copies all of
 * them.
 */
const MAX_NAMES = 4_096;

/** An event with at most this many values is a piece of text and adds no value to its reply. */
const UNCOUNTED_VALUES = 16;

/** The error for a reply that is too large to be stored. */
export function replyTooLarge(provider: string, why: string): ErrandError {
  return new ErrandError('PROVIDER_REPLY_TOO_LARGE', `Provider "${provider}" sent ${why}.`);
}

/** Checks that a turn is small enough to be stored. @throws ErrandError `PROVIDER_REPLY_TOO_LARGE`. */
export function assertStorable(provider: string, turn: Turn): void {
  const bytes = byteLength(JSON.stringify(turn));
  if (bytes > MAX_REPLY_BYTES)
    throw replyTooLarge(provider, `a reply of ${bytes} bytes; expected at most ${MAX_REPLY_BYTES}`);
}

/**
 * Limits the size of one stream while it arrives, so that a reply that is too large is not read to its end. Sizes are
 * characters of content, which are never more than the stored bytes.
 */
export class ReplyBudget {
  readonly #provider: string;
  #streamChars = 0;
  #delta = NOTHING;
  #items = NOTHING;
  readonly #names = new Set<string>();

  constructor(provider: string) {
    this.#provider = provider;
  }

  /** Counts an event. @throws ErrandError `PROVIDER_REPLY_TOO_LARGE`. */
  count(event: unknown, chars: number): void {
    this.#streamChars += chars;
    if (this.#streamChars <= UNWEIGHED_CHARS && chars <= UNWEIGHED_CHARS) return;
    if (this.#streamChars > MAX_STREAM_CHARS)
      throw replyTooLarge(this.#provider, `a stream of more than ${MAX_STREAM_CHARS} characters`);
    if (!isRecord(event)) return;
    const { delta, content_block, choices, item, type, response } = event;
    const choice: unknown = Array.isArray(choices) ? choices[0] : undefined;
    const ofChoice = isRecord(choice) ? choice.delta : undefined;
    // The text of an answer is stored twice: inside `native`, and as the answer.
    const texts = [isRecord(delta) && delta.text, isRecord(ofChoice) && ofChoice.content];
    if (type === 'response.output_text.delta') texts.push(delta);
    const parts = [delta, content_block, ofChoice, ...texts];
    this.#delta = add(this.#delta, weigh(parts, this.#names));
    if (type === 'response.output_item.done') this.#items = add(this.#items, weigh(item, this.#names));
    const output = weigh(isRecord(response) ? response.output : undefined, this.#names);
    if (this.#names.size > MAX_NAMES)
      throw replyTooLarge(this.#provider, `a reply of more than ${MAX_NAMES} field names`);
    for (const { chars: size, values } of [this.#delta, this.#items, output]) {
      if (size > MAX_REPLY_BYTES) throw replyTooLarge(this.#provider, `a reply of more than ${MAX_REPLY_BYTES} bytes`);
      if (values > MAX_VALUES) throw replyTooLarge(this.#provider, `a reply of more than ${MAX_VALUES} values`);
    }
  }
}

/** Counts the characters of all texts and names, and the values beyond the few of a piece of text. */
type Weight = { chars: number; values: number };

const NOTHING: Weight = { chars: 0, values: 0 };

function add(a: Weight, b: Weight): Weight {
  return { chars: a.chars + b.chars, values: a.values + b.values };
}

/** Weighs a value, and adds its field names. It does not recurse, because the provider chooses the depth. */
function weigh(value: unknown, names: Set<string>): Weight {
  let chars = 0;
  let values = 0;
  const rest: unknown[] = [value];
  while (rest.length > 0) {
    const part = rest.pop();
    values += 1;
    if (typeof part === 'string') chars += part.length;
    else if (Array.isArray(part)) for (const entry of part) rest.push(entry);
    else if (isRecord(part)) {
      for (const [name, field] of Object.entries(part)) {
        chars += name.length;
        names.add(name);
        rest.push(field);
      }
    } else chars += 1;
  }
  return { chars, values: Math.max(0, values - UNCOUNTED_VALUES) };
}
