import { asList, type ForeignObject, fieldOf, isObject, textOf, wordOf } from '../../base/foreign.ts';
import { Places } from './growing.ts';
import type { ReplyLimits } from './reply-limits.ts';

/** An output item while it arrives: as it was announced or finished, and the content of its deltas. */
type GrowingItem = { item: ForeignObject | undefined; isDone: boolean; text: string; refusal: string; args: string };

/** Tells whether a value is an output item: an object with a type. */
export function isItem(value: unknown): value is ForeignObject {
  return isObject(value) && wordOf(value, 'type') !== '';
}

/** The id that the result of a call refers to. Some servers send only the id of the item. */
export function callIdOf(item: unknown): string {
  return wordOf(item, 'call_id') || wordOf(item, 'id');
}

/** The parts of a message. Some servers send one text instead. */
export function partsOf(item: unknown): readonly unknown[] {
  const content = fieldOf(item, 'content');
  return typeof content === 'string' ? [{ type: 'output_text', text: content }] : asList(content);
}

/** The text of a part of a message; empty for a refusal and for any other part. */
export function outputTextOf(part: unknown): string {
  const type = wordOf(part, 'type');
  return type === 'output_text' || type === 'text' ? textOf(part, 'text') : '';
}

/**
 * Assembles the output items of one response from the items, from their deltas, and from the terminal event: some servers
 * leave one of these out.
 *
 * An item replaces an earlier item if both have the same index, type and id. Otherwise both are kept, because some servers
 * give all items the same index.
 */
export class ResponsesItems {
  readonly #limits: ReplyLimits;
  readonly #items = new Places<GrowingItem>();
  /** Items as JSON, each written once: at a shared index every item is compared with all others. */
  readonly #texts = new WeakMap<ForeignObject, string>();

  constructor(limits: ReplyLimits) {
    this.#limits = limits;
  }

  /** Adds an item, announced or finished. Ignores any other value. */
  put(place: unknown, item: unknown, isDone: boolean): void {
    if (!isItem(item)) return;
    const here = this.#items.at(place);
    const known = here.findLast((other) => this.#isSame(other, item));
    const entry = known ?? this.#begin(place);
    if (entry.isDone && !isDone) return;
    entry.item = item;
    entry.isDone = isDone;
  }

  /** Adds a delta to the item at a place. */
  write(place: unknown, id: string, piece: Partial<Pick<GrowingItem, 'text' | 'refusal' | 'args'>>): void {
    const here = this.#items.at(place);
    const named = id === '' ? undefined : here.findLast(({ item }) => wordOf(item, 'id') === id);
    const last = here.at(-1);
    const entry = named ?? (last && !last.isDone ? last : this.#begin(place));
    entry.text += piece.text ?? '';
    entry.refusal += piece.refusal ?? '';
    entry.args += piece.args ?? '';
  }

  /** Sets the complete arguments of a call. */
  setArguments(place: unknown, id: string, args: string): void {
    this.write(place, id, {});
    const here = this.#items.at(place);
    const entry = here.findLast(({ item }) => id !== '' && wordOf(item, 'id') === id) ?? here.at(-1);
    if (entry) entry.args = args;
  }

  /** The items in order. `output` is the list in the terminal event; it is used if items are missing or unfinished. */
  all(output: readonly unknown[]): ForeignObject[] {
    const last = output.filter(isItem);
    const entries = this.#items.ordered;
    const items = entries.map(wholeOf).filter((item) => item !== undefined);
    const isLacking = last.length > items.length || (last.length > 0 && entries.some(({ isDone }) => !isDone));
    const calls = new Set(last.filter(isCall).map(callIdOf));
    const hasAllCalls = items.filter(isCall).every((item) => calls.has(callIdOf(item)));
    const losesText = items.some(hasText) && !last.some(hasText);
    if (isLacking && hasAllCalls && !losesText) return last;
    const thoughts = new Map(last.filter(isThought).map((item) => [wordOf(item, 'id'), item]));
    return items.map((item) => sealed(item, thoughts));
  }

  /** Tells whether an item is a known item, in a later state or sent again. */
  #isSame(known: GrowingItem, item: ForeignObject): boolean {
    if (known.item === undefined) return wordOf(item, 'type') === (known.args === '' ? 'message' : 'function_call');
    if (wordOf(known.item, 'type') !== wordOf(item, 'type')) return false;
    for (const name of ['call_id', 'id']) {
      const [one, other] = [wordOf(known.item, name), wordOf(item, name)];
      if (one !== '' && other !== '') return one === other;
    }
    return !known.isDone || this.#textOf(known.item) === this.#textOf(item);
  }

  #textOf(item: ForeignObject): string {
    const text = this.#texts.get(item) ?? JSON.stringify(item);
    this.#texts.set(item, text);
    return text;
  }

  #begin(place: unknown): GrowingItem {
    this.#limits.block();
    return this.#items.add(place, { item: undefined, isDone: false, text: '', refusal: '', args: '' });
  }
}

function hasText(item: unknown): boolean {
  return wordOf(item, 'type') === 'message' && partsOf(item).some((part) => outputTextOf(part) !== '');
}

function isCall(item: unknown): boolean {
  return wordOf(item, 'type') === 'function_call';
}

function isThought(item: unknown): boolean {
  return wordOf(item, 'type') === 'reasoning';
}

/** An item completed from its deltas, if it lacks their content; `undefined` for an item without any content. */
function wholeOf({ item, isDone, text, refusal, args }: GrowingItem): ForeignObject | undefined {
  if (item && isCall(item)) return textOf(item, 'arguments') === '' ? { ...item, arguments: args } : item;
  if (item && wordOf(item, 'type') !== 'message') return isDone ? item : undefined;
  if (partsOf(item).length > 0 || (text === '' && refusal === '')) return item;
  const content = [
    ...(text === '' ? [] : [{ type: 'output_text', text, annotations: [] }]),
    ...(refusal === '' ? [] : [{ type: 'refusal', refusal }]),
  ];
  return { ...item, type: 'message', role: 'assistant', status: 'completed', content };
}

/**
 * Some servers send the encrypted content of a thought only with the terminal event. Without it, the thought cannot be sent
 * again.
 */
function sealed(item: ForeignObject, thoughts: ReadonlyMap<string, ForeignObject>): ForeignObject {
  if (!isThought(item) || wordOf(item, 'encrypted_content') !== '') return item;
  const id = wordOf(item, 'id');
  const same = id === '' ? undefined : thoughts.get(id);
  return wordOf(same, 'encrypted_content') === '' ? item : { ...item, ...same };
}
