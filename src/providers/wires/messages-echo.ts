import type {
  ContentBlockParam,
  MessageParam,
  ToolResultBlockParam,
} from '@anthropic-ai/sdk/resources/messages/messages';
import { asList, fieldOf, isObject, textOf, wordOf } from '../../base/foreign.ts';
import type { ToolResult } from '../../contract/checkpoint.ts';
import type { TranscriptEntry, UserEntry } from '../model.ts';
import { type CallIds, echoedName } from './call-ids.ts';
import { isClaude } from './thinking.ts';
import { fromNative, wholeText } from './wire.ts';

/** Marks the end of a prefix that Anthropic caches. A request has at most four marks. */
export const CACHED = { cache_control: { type: 'ephemeral' as const } };

/**
 * Writes a conversation for the messages wire. Blocks of the assistant are sent as the provider sent them, signatures and
 * encrypted parts byte for byte. It corrects or leaves out what Anthropic refuses.
 */
export class MessagesEcho {
  readonly #model: string;
  readonly #ids: CallIds;
  /** The ids of the calls of the last assistant turn, which its results answer in order. */
  #lastIds: string[] = [];

  constructor(model: string, ids: CallIds) {
    this.#model = model;
    this.#ids = ids;
  }

  /** The messages of a conversation, in order. */
  messagesOf(transcript: readonly TranscriptEntry[]): MessageParam[] {
    return transcript.flatMap((entry): MessageParam[] => {
      if (entry.role === 'user') return [{ role: 'user', content: this.#first(entry) }];
      if (entry.role === 'assistant') return this.#assistant(fromNative(entry.native));
      return [{ role: 'user', content: this.#results(entry.results) }];
    });
  }

  /** The shared part is a block of its own, with a mark. */
  #first(entry: UserEntry): string | ContentBlockParam[] {
    const { shared, text } = entry;
    if (shared === undefined || !isClaude(this.#model)) return wholeText(entry);
    return [
      { type: 'text', text: shared, ...CACHED },
      { type: 'text', text },
    ];
  }

  #results(results: Extract<TranscriptEntry, { role: 'tools' }>['results']): ContentBlockParam[] {
    return results.map((result, at) => ({
      type: 'tool_result',
      tool_use_id: this.#lastIds[at] ?? result.call_id,
      content: contentOf(result),
      is_error: result.is_error,
    }));
  }

  /** Anthropic refuses a message without a block, so it is left out. */
  #assistant(native: unknown): MessageParam[] {
    this.#lastIds = [];
    const content = asList(native).flatMap((block) => this.#block(block));
    return content.length === 0 ? [] : [{ role: 'assistant', content: content as ContentBlockParam[] }];
  }

  #block(block: unknown): object[] {
    if (!isObject(block)) return [];
    if (block.type === 'tool_use') return [this.#call(block)];
    return this.#isTaken(block) ? [block] : [];
  }

  /** Anthropic refuses blank text, thoughts without their signature, and blocks of unknown types. */
  #isTaken(block: unknown): boolean {
    const type = wordOf(block, 'type');
    if (type === 'text') return textOf(block, 'text').trim() !== '';
    if (type === 'thinking') return wordOf(block, 'signature') !== '' || !this.#isSigned(block);
    if (type === 'redacted_thinking') return wordOf(block, 'data') !== '';
    return /_tool_(use|result)$/.test(type);
  }

  /** Claude signs each thought. Some other vendors sign no thought. An empty signature was lost on the way. */
  #isSigned(thought: unknown): boolean {
    return isClaude(this.#model) || fieldOf(thought, 'signature') !== undefined;
  }

  #call(block: Readonly<Record<string, unknown>>): object {
    const id = this.#ids.next(wordOf(block, 'id'));
    this.#lastIds.push(id);
    const input = fieldOf(block, 'input');
    return { ...block, id, name: echoedName(wordOf(block, 'name')), input: isObject(input) ? input : {} };
  }
}

/** Anthropic refuses a blank text beside other blocks. */
function contentOf({ text, images = [] }: ToolResult): NonNullable<ToolResultBlockParam['content']> {
  if (images.length === 0) return text;
  const blocks = images.map(({ type, data }) => {
    return { type: 'image' as const, source: { type: 'base64' as const, media_type: type, data } };
  });
  return text.trim() === '' ? blocks : [{ type: 'text', text }, ...blocks];
}
