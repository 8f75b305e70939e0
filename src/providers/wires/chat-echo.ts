import type {
  ChatCompletionContentPart,
  ChatCompletionContentPartText,
  ChatCompletionMessageParam,
} from 'openai/resources/chat/completions/completions';
import { asText, type ForeignObject, fieldOf, isObject, listOf, textOf, wordOf } from '../../base/foreign.ts';
import { marksPrefixes } from '../../catalogue/models.ts';
import type { Provider } from '../../catalogue/provider.ts';
import type { ToolResult } from '../../contract/checkpoint.ts';
import type { TranscriptEntry, UserEntry } from '../model.ts';
import { type CallIds, echoedArguments, echoedName } from './call-ids.ts';
import { SHARED_END } from './openai-cache.ts';
import { dataUrlOf, fromNative, wholeText } from './wire.ts';

/** The fields of OpenAI's own protocol for a message of an assistant, and for a call in it. */
const MESSAGE_FIELDS = new Set(['role', 'content', 'refusal', 'tool_calls', 'function_call']);
const CALL_FIELDS = new Set(['index', 'id', 'type', 'function']);
const FUNCTION_FIELDS = new Set(['name', 'arguments']);

/** The types of content parts that are sent again: the types of OpenAI, and the types that Mistral adds. */
const PARTS = new Set(['text', 'refusal', 'thinking', 'reference']);

/** Content as the next turn sends it: a text, or the parts that are not empty. */
function contentOf(content: unknown): string | ForeignObject[] {
  if (!Array.isArray(content)) return asText(content);
  const parts = content.filter(isObject).filter((part) => PARTS.has(wordOf(part, 'type')));
  return parts.filter((part) => part.type !== 'text' || wordOf(part, 'text').trim() !== '');
}

/** Hosts that refuse any other field in a message: they answer 400 or 422 to a conversation with `reasoning`. */
const STRICT_HOSTS = new Set(['api.groq.com', 'api.mistral.ai', 'api.cerebras.ai']);

/**
 * Writes a conversation for the chat wire. Messages of the assistant are sent as the provider sent them, except for what a
 * strict server refuses: it corrects ids, names and arguments of calls, and blank text beside calls.
 */
export class ChatEcho {
  readonly #hasExtras: boolean;
  readonly #marksShared: boolean;
  readonly #ids: CallIds;
  /** The ids of the calls of the last assistant turn, which its results answer in order. */
  #lastIds: string[] = [];

  constructor(provider: Provider, model: string, ids: CallIds) {
    const { echo_extras: echo, base_url } = provider;
    this.#hasExtras = echo === 'auto' ? !STRICT_HOSTS.has(new URL(base_url).hostname) : echo === 'always';
    this.#marksShared = marksPrefixes(provider, model);
    this.#ids = ids;
  }

  /** The messages of a conversation, in order. */
  messagesOf(transcript: readonly TranscriptEntry[]): ChatCompletionMessageParam[] {
    return transcript.flatMap((entry): ChatCompletionMessageParam[] => {
      if (entry.role === 'user') return [{ role: 'user', content: this.#first(entry) }];
      if (entry.role === 'assistant') return [this.#assistant(fromNative(entry.native))];
      return this.#results(entry.results);
    });
  }

  /** A message of a tool has no images on this wire, so they follow as a message of the user. */
  #results(results: readonly ToolResult[]): ChatCompletionMessageParam[] {
    const ids = this.#lastIds;
    const messages = results.map(({ call_id, text }, at): ChatCompletionMessageParam => {
      return { role: 'tool', tool_call_id: ids[at] ?? call_id, content: text };
    });
    const images = results.flatMap(({ call_id, images = [] }, at): ChatCompletionContentPart[] => {
      if (images.length === 0) return [];
      const title = { type: 'text' as const, text: `Images in the result of the call ${ids[at] ?? call_id}:` };
      return [title, ...images.map((image) => ({ type: 'image_url' as const, image_url: { url: dataUrlOf(image) } }))];
    });
    return images.length === 0 ? messages : [...messages, { role: 'user', content: images }];
  }

  /** Only a request with a mark has parts: some compatible servers take a text alone. */
  #first(entry: UserEntry): string | ChatCompletionContentPartText[] {
    const { shared, text } = entry;
    if (shared === undefined || !this.#marksShared) return wholeText(entry);
    return [
      { type: 'text', text: shared, ...SHARED_END },
      { type: 'text', text },
    ];
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

  /**
   * The fields that a provider adds to the protocol and needs again, such as `reasoning_details`. Other providers refuse
   * them.
   */
  #extras(value: unknown, known: ReadonlySet<string>): Record<string, unknown> {
    if (!this.#hasExtras || !isObject(value)) return {};
    return Object.fromEntries(Object.entries(value).filter(([name, field]) => !known.has(name) && field !== null));
  }
}
