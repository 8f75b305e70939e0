import { isObject, parseForeign } from '../../base/foreign.ts';
import { wellFormed } from '../../base/text.ts';

/** Mistral takes ids of exactly nine letters and digits; every other vendor takes those too. */
const ORDINAL_DIGITS = 5;

/** What Anthropic takes for the id of a call. */
const OUTSIDE_OF_IDS = /[^a-zA-Z0-9_-]/g;

/** What OpenAI and Anthropic take for the name of a tool. */
const OUTSIDE_OF_NAMES = /[^a-zA-Z0-9_-]/g;
const NAME_CHARS = 64;

/**
 * Gives the tool calls of one conversation their ids. An id that the provider sent stays; one that is missing, or that
 * another call of the conversation has, is made.
 *
 * The ids follow from the calls and their order alone, so an attempt that takes the conversation over gives the same.
 */
export class CallIds {
  readonly #given = new Set<string>();
  readonly #isStrict: boolean;
  #calls = 0;

  /** `isStrict` for the messages wire, which takes letters, digits, `_` and `-` only. */
  constructor({ isStrict }: { isStrict: boolean }) {
    this.#isStrict = isStrict;
  }

  /** The id of the next call of the conversation, of which the provider sent `sent`. */
  next(sent: string): string {
    this.#calls += 1;
    const wanted = this.#isStrict ? sent.replaceAll(OUTSIDE_OF_IDS, '_') : sent.toWellFormed();
    const id = wanted.trim() === '' || this.#given.has(wanted) ? this.#made() : wanted;
    this.#given.add(id);
    return id;
  }

  #made(): string {
    for (let ordinal = this.#calls; ; ordinal++) {
      const id = `call${String(ordinal).padStart(ORDINAL_DIGITS, '0')}`;
      if (!this.#given.has(id)) return id;
    }
  }
}

/** The arguments of a call as an object; an empty one for text that is not the JSON of an object. */
export function inputOf(args: string): Readonly<Record<string, unknown>> {
  try {
    const input = parseForeign(args);
    return isObject(input) ? input : {};
  } catch {
    return {};
  }
}

/**
 * The arguments of a call as they go back: as the model wrote them if they are the JSON of an object, else `{}`. Servers
 * such as vLLM parse them again, and refuse the whole conversation if they cannot; the result of the call says what was
 * wrong with them.
 */
export function echoedArguments(args: string): string {
  try {
    const input: unknown = JSON.parse(args);
    const whole = wellFormed(input);
    if (!isObject(whole)) return '{}';
    return whole === input ? args : JSON.stringify(whole);
  } catch {
    return '{}';
  }
}

/** The name of a tool as it goes back: a model may call what is no name, which vendors refuse in a conversation. */
export function echoedName(name: string): string {
  return name.replaceAll(OUTSIDE_OF_NAMES, '_').slice(0, NAME_CHARS) || 'unnamed';
}
