import { isObject, parseForeign } from '../../base/foreign.ts';
import { wellFormed } from '../../base/text.ts';
import type { Wire } from '../../contract/route.ts';

/** Mistral takes ids of exactly nine letters and digits; every other vendor takes those too. */
const ORDINAL_DIGITS = 5;

/**
 * What a wire takes for the id of a call: the characters that it refuses, and how long the id may be. An id is stored
 * with its call, with its result and in the journal of effects, so that no wire takes one without a limit.
 */
type IdRules = { refused: RegExp; maxChars: number };

const ID_RULES: Record<Wire, IdRules> = {
  chat: { refused: /[^a-zA-Z0-9_.:-]/g, maxChars: 1024 },
  messages: { refused: /[^a-zA-Z0-9_-]/g, maxChars: 1024 },
  responses: { refused: /[^a-zA-Z0-9_.:-]/g, maxChars: 64 },
};

/** Gateways to Gemini put the signature of a thought into the id, in base64; it must come back as it is. */
const CARRIES_SIGNATURE = /^[\w.:-]+__thought__[\w+/=-]+$/;

/** What OpenAI and Anthropic take for the name of a tool. */
const OUTSIDE_OF_NAMES = /[^a-zA-Z0-9_-]/g;
const NAME_CHARS = 64;

/**
 * Gives the tool calls of one conversation their ids. An id that the provider sent stays, without what its wire refuses;
 * one that is missing, or that another call of the conversation has, is made.
 *
 * The ids follow from the calls and their order alone, so an attempt that takes the conversation over gives the same.
 */
export class CallIds {
  readonly #given = new Set<string>();
  readonly #rules: IdRules;
  #calls = 0;

  constructor(wire: Wire) {
    this.#rules = ID_RULES[wire];
  }

  /** The id of the next call of the conversation, of which the provider sent `sent`. */
  next(sent: string): string {
    this.#calls += 1;
    const { refused, maxChars } = this.#rules;
    const wanted = CARRIES_SIGNATURE.test(sent) ? sent : sent.trim().replaceAll(refused, '_');
    const isTaken = wanted !== '' && wanted.length <= maxChars && !this.#given.has(wanted);
    const id = isTaken ? wanted : this.#made();
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

/** The name of a tool as it goes back: vendors refuse a conversation with a name that no tool can have. */
export function echoedName(name: string): string {
  return name.replaceAll(OUTSIDE_OF_NAMES, '_').slice(0, NAME_CHARS) || 'unnamed';
}
