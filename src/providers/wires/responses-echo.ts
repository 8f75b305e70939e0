import type { ResponseInputItem } from 'openai/resources/responses/responses';
import { type ForeignObject, isObject, listOf, textOf, wordOf } from '../../base/foreign.ts';
import type { TranscriptEntry } from '../model.ts';
import { type CallIds, echoedArguments, echoedName } from './call-ids.ts';
import { callIdOf, isItem, partsOf } from './responses-items.ts';
import { fromNative } from './wire.ts';

/**
 * Writes a conversation as the responses wire takes it. Items of an assistant go back as they came, encrypted reasoning
 * byte for byte; what a strict server would refuse is mended or left out.
 */
export class ResponsesEcho {
  readonly #isStored: boolean;
  readonly #ids: CallIds;
  /** The ids of the calls that the last assistant's turn made, which its results answer in order. */
  #lastIds: string[] = [];

  /** `isStored`: the provider keeps the items, so that it knows them by their ids. */
  constructor(isStored: boolean, ids: CallIds) {
    this.#isStored = isStored;
    this.#ids = ids;
  }

  /** The input items of a conversation, in order. */
  itemsOf(transcript: readonly TranscriptEntry[]): ResponseInputItem[] {
    return transcript.flatMap((entry): ResponseInputItem[] => {
      if (entry.role === 'user') return [{ role: 'user', content: entry.text }];
      if (entry.role === 'assistant') return this.#assistant(fromNative(entry.native));
      const ids = this.#lastIds;
      return entry.results.map(({ call_id, text }, at) => {
        return { type: 'function_call_output', call_id: ids[at] ?? call_id, output: text };
      });
    });
  }

  /**
   * A thought that is neither stored nor encrypted is looked up by its id and not found. It is left out, and the other
   * items lose their ids, because the provider looks for the thought that belongs to an id.
   */
  #assistant(native: unknown): ResponseInputItem[] {
    this.#lastIds = [];
    const sent = listOf(native).filter(isItem);
    const kept = sent.filter((item) => this.#isStored || !isBareThought(item));
    const items = kept.flatMap((item) => this.#item(item, kept.length === sent.length));
    return items as ResponseInputItem[];
  }

  #item(item: ForeignObject, keepsId: boolean): object[] {
    const { id, ...rest } = item;
    const own = keepsId && wordOf(item, 'id') !== '' ? item : rest;
    if (item.type === 'function_call') return [this.#call(own, callIdOf(item))];
    if (item.type !== 'message') return [own];
    const content = partsOf(item).filter(isObject);
    return content.length === 0 ? [] : [{ ...own, role: 'assistant', content }];
  }

  #call(item: ForeignObject, sentId: string): object {
    const id = this.#ids.next(sentId);
    this.#lastIds.push(id);
    const args = echoedArguments(textOf(item, 'arguments'));
    return { ...item, call_id: id, name: echoedName(wordOf(item, 'name')), arguments: args };
  }
}

function isBareThought(item: ForeignObject): boolean {
  return item.type === 'reasoning' && wordOf(item, 'encrypted_content') === '';
}
