import type { ChatCompletionMessageParam } from 'openai/resources/chat/completions/completions';
import { type ForeignObject, fieldOf, isObject, listOf, textOf, wordOf } from '../../base/foreign.ts';
import type { TranscriptEntry } from '../model.ts';
import type { ProviderProfile } from '../profile.ts';
import { type CallIds, echoedArguments, echoedName } from './call-ids.ts';
import { fromNative } from './wire.ts';

/** The fields that OpenAI's own protocol has for a message of an assistant, and for a call in it. */
const MESSAGE_FIELDS = new Set(['role', 'content', 'refusal', 'tool_calls', 'function_call']);
const CALL_FIELDS = new Set(['index', 'id', 'type', 'function']);
const FUNCTION_FIELDS = new Set(['name', 'arguments']);

/** The parts of content that go back: those of OpenAI, and those that Mistral adds. */
const PARTS = new Set(['text', 'refusal', 'thinking', 'reference']);

/** Content as it goes back: a text, or the parts that say anything. */
function contentOf(content: unknown): string | ForeignObject[] {
  if (!Array.isArray(content)) return textOf(content);
  const parts = content.filter(isObject).filter((part) => PARTS.has(wordOf(part, 'type')));
  return parts.filter((part) => part.type !== 'text' || wordOf(part, 'text').trim() !== '');
}

/** Hosts that refuse any other field in a message: a conversation with `reasoning` in it is a 400 or a 422 there. */
const STRICT_HOSTS = new Set(['api.groq.com', 'api.mistral.ai', 'api.cerebras.ai']);

/**
 * Writes a conversation as the chat wire takes it. What an assistant said goes back as it came, with what a strict server
 * would refuse mended: ids, names and arguments of calls, and text of white space alone beside them.
 */
export class ChatEcho {
  readonly #hasExtras: boolean;
  readonly #ids: CallIds;
  /** The ids of the calls that the last assistant's turn made, which its results answer in order. */
  #lastIds: string[] = [];

  constructor(profile: ProviderProfile, ids: CallIds) {
    const { echo_extras: echo, base_url } = profile;
    this.#hasExtras = echo === 'auto' ? !STRICT_HOSTS.has(new URL(base_url).hostname) : echo === 'always';
    this.#ids = ids;
  }

  /** The messages of a conversation, in order. */
  messagesOf(transcript: readonly TranscriptEntry[]): ChatCompletionMessageParam[] {
    return transcript.flatMap((entry): ChatCompletionMessageParam[] => {
      if (entry.role === 'user') return [{ role: 'user', content: entry.text }];
      if (entry.role === 'assistant') return [this.#assistant(fromNative(entry.native))];
      const ids = this.#lastIds;
      return entry.results.map(({ call_id, text }, at) => {
        return { role: 'tool', tool_call_id: ids[at] ?? call_id, content: text };
      });
    });
  }

  #assistant(native: unknown): ChatCompletionMessageParam {
    const calls = listOf(native, 'tool_calls').map((call) => this.#call(call));
    this.#lastIds = calls.map(({ id }) => id);
    const content = contentOf(fieldOf(native, 'content'));
    const isBlank = content.length === 0 || (typeof content === 'string' && content.trim() === '');
    const refusal = textOf(native, 'refusal');
    const message = {
      role: 'assistant',
      content: calls.length > 0 && isBlank ? null : content,
      ...(refusal !== '' && { refusal }),
      ...this.#extras(native, MESSAGE_FIELDS),
      ...(calls.length > 0 && { tool_calls: calls }),
    };
    return message as ChatCompletionMessageParam;
  }

  #call(call: unknown) {
    return {
      ...this.#extras(call, CALL_FIELDS),
      id: this.#ids.next(wordOf(call, 'id')),
      type: 'function' as const,
      function: {
        ...this.#extras(fieldOf(call, 'function'), FUNCTION_FIELDS),
        name: echoedName(wordOf(call, 'function', 'name')),
        arguments: echoedArguments(textOf(call, 'function', 'arguments')),
      },
    };
  }

  /** What a provider added to its protocol and wants back, such as `reasoning_details`; others refuse to see it again. */
  #extras(value: unknown, known: ReadonlySet<string>): Record<string, unknown> {
    if (!this.#hasExtras || !isObject(value)) return {};
    return Object.fromEntries(Object.entries(value).filter(([name, field]) => !known.has(name) && field !== null));
  }
}
