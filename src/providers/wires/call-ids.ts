import { isObject, parseForeign } from '../../base/foreign.ts';
import { wellFormed } from '../../base/text.ts';
import type { Wire } from '../../contract/route.ts';

/** Mistral accepts only ids of exactly nine letters and digits. Every other vendor accepts such ids too. */
const ORDINAL_DIGITS = 5;

/**
 * What a wire accepts as the id of a call: the characters that it refuses, and the maximum length. Every wire has a maximum
 * length, because an id is stored with its call, with its result and in the journal of effects.
 */
type IdRules = { refused: RegExp; maxChars: number };

const ID_RULES: Record<Wire, IdRules> = {
  chat: { refused: /[^a-zA-Z0-9_.:-]/g, maxChars: 1024 },
  messages: { refused: /[^a-zA-Z0-9_-]/g, maxChars: 1024 },
  responses: { refused: /[^a-zA-Z0-9_.:-]/g, maxChars: 64 },
};

/** Gateways to Gemini put the signature of a thought into the id, in base64. It must be sent again unchanged. */
const CARRIES_SIGNATURE = /^[\w.:-]+__thought__[\w+/=-]+$/;

/** What OpenAI and Anthropic accept as the name of a tool. */
const OUTSIDE_OF_NAMES = /[^a-zA-Z0-9_-]/g;
const NAME_CHARS = 64;

/**
 * Assigns ids to the tool calls of one conversation. It keeps the id that the provider sent, without the characters that the
 * wire refuses. It makes an id if the call has no id, or if another call of the conversation has the same id.
 *
 * The ids depend only on the calls and their order, so an attempt that takes the conversation over assigns the same ids.
 */
export class CallIds {
  readonly #given = new Set<string>();
  readonly #rules: IdRules;
  #calls = 0;

  constructor(wire: Wire) {
    this.#rules = ID_RULES[wire];
  }

  /** The id of the next call of the conversation. `sent` is the id that the provider sent. */
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

/** The arguments of a call as an object; an empty object for text that is not the JSON of an object. */
export function inputOf(args: string): Readonly<Record<string, unknown>> {
  try {
    const input = parseForeign(args);
    return isObject(input) ? input : {};
  } catch {
    return {};
  }
}

/**
 * The arguments of a call as the next turn sends them: as the model wrote them if they are the JSON of an object, else `{}`.
 * Servers such as vLLM parse them again, and refuse the whole conversation if that fails. The result of the call says what
 * was wrong with them.
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

/** The name of a tool as the next turn sends it: vendors refuse a conversation with an invalid tool name. */
export function echoedName(name: string): string {
  return name.replaceAll(OUTSIDE_OF_NAMES, '_').slice(0, NAME_CHARS) || 'unnamed';
}
