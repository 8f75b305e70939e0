import type {
  ResponseFunctionCallOutputItem,
  ResponseInputContent,
  ResponseInputItem,
} from 'openai/resources/responses/responses';
import { asList, type ForeignObject, isObject, listOf, textOf, wordOf } from '../../base/foreign.ts';
import type { ToolResult } from '../../contract/checkpoint.ts';
import type { TranscriptEntry, UserEntry } from '../model.ts';
import { type CallIds, echoedArguments, echoedName } from './call-ids.ts';
import { SHARED_END } from './openai-cache.ts';
import { callIdOf, isItem, partsOf } from './responses-items.ts';
import { dataUrlOf, fromNative, wholeText } from './wire.ts';

/**
 * Writes a conversation for the responses wire. Items of the assistant are sent as the provider sent them, encrypted
 * reasoning byte for byte. It corrects or leaves out what a strict server refuses.
 */
export class ResponsesEcho {
  readonly #isStored: boolean;
  readonly #marksShared: boolean;
  readonly #ids: CallIds;
  readonly #itemIds = new Set<string>();
  /** The ids of the calls of the last assistant turn, which its results answer in order. */
  #lastIds: string[] = [];

  /**
   * `isStored`: the provider stores the items and finds them by their ids. `marksShared`: it takes a mark at the end of
   * what a batch shares.
   */
  constructor({ isStored, marksShared }: { isStored: boolean; marksShared: boolean }, ids: CallIds) {
    this.#isStored = isStored;
    this.#marksShared = marksShared;
    this.#ids = ids;
  }

  /** The input items of a conversation, in order. */
  itemsOf(transcript: readonly TranscriptEntry[]): ResponseInputItem[] {
    return transcript.flatMap((entry): ResponseInputItem[] => {
      if (entry.role === 'user') return [{ role: 'user', content: this.#first(entry) }];
      if (entry.role === 'assistant') return this.#assistant(fromNative(entry.native));
      const ids = this.#lastIds;
      return entry.results.map((result, at) => {
        return { type: 'function_call_output', call_id: ids[at] ?? result.call_id, output: outputOf(result) };
      });
    });
  }

  #first(entry: UserEntry): string | ResponseInputContent[] {
    const { shared, text } = entry;
    if (shared === undefined || !this.#marksShared) return wholeText(entry);
    return [
      { type: 'input_text', text: shared, ...SHARED_END },
      { type: 'input_text', text },
    ];
  }

  /**
   * The provider looks up a thought that is neither stored nor encrypted by its id, and does not find it. So such a thought
   * is left out, and the other items lose their ids, because the provider looks for the thought that belongs to an id.
   */
  #assistant(native: unknown): ResponseInputItem[] {
    this.#lastIds = [];
    const sent = asList(native).filter(isItem);
    const kept = sent.filter((item) => this.#isStored || !isBareThought(item));
    const items = kept.flatMap((item) => this.#item(item, kept.length === sent.length));
    return items as ResponseInputItem[];
  }

  #item(item: ForeignObject, keepsId: boolean): object[] {
    const own = keepsId ? this.#named(item) : withoutId(item);
    if (item.type === 'function_call') return [this.#call(own, callIdOf(item))];
    if (item.type === 'reasoning') return [{ ...own, summary: listOf(item, 'summary') }];
    if (item.type !== 'message') return [];
    const content = partsOf(item).flatMap(echoedPart);
    return content.length === 0 ? [] : [{ ...own, role: 'assistant', content }];
  }

  /** The item with its id, unless the id is missing or another item has the same id. */
  #named(item: ForeignObject): ForeignObject {
    const id = wordOf(item, 'id');
    if (id === '' || this.#itemIds.has(id)) return withoutId(item);
    this.#itemIds.add(id);
    return item;
  }

  #call(item: ForeignObject, sentId: string): object {
    const id = this.#ids.next(sentId);
    this.#lastIds.push(id);
    const args = echoedArguments(textOf(item, 'arguments'));
    return { ...item, call_id: id, name: echoedName(wordOf(item, 'name')), arguments: args };
  }
}

function outputOf({ text, images = [] }: ToolResult): string | ResponseFunctionCallOutputItem[] {
  if (images.length === 0) return text;
  const parts = images.map((image) => ({ type: 'input_image' as const, image_url: dataUrlOf(image) }));
  return text === '' ? parts : [{ type: 'input_text', text }, ...parts];
}

function withoutId({ id: _, ...item }: ForeignObject): ForeignObject {
  return item;
}

/** A part of a message as the next turn sends it; nothing for a type that OpenAI does not know. */
function echoedPart(part: unknown): object[] {
  if (!isObject(part)) return [];
  if (part.type === 'refusal') return textOf(part, 'refusal') === '' ? [] : [part];
  if (part.type !== 'output_text' && part.type !== 'text') return [];
  return [{ ...part, type: 'output_text', text: textOf(part, 'text') }];
}

function isBareThought(item: ForeignObject): boolean {
  return item.type === 'reasoning' && wordOf(item, 'encrypted_content') === '';
}
