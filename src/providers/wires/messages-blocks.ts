import { isObject, textOf, wordOf } from '../../base/foreign.ts';
import { inputOf } from './call-ids.ts';
import { type Growing, newGrowing, Places } from './growing.ts';
import type { ReplyLimits } from './reply-limits.ts';

/** A content block as the provider sent it, and the arguments of a call as the model wrote them. */
export type SentBlock = { block: Growing; arguments: string };

/** A block while it grows. Its input arrives as text, which is JSON only once it is complete. */
type GrowingBlock = { block: Growing; inputText: string; hasStopped: boolean };

/** For each type of delta: the field that it adds to, and the type of the block with this field. */
const TEXT_DELTAS = new Map([
  ['text_delta', { type: 'text', field: 'text' }],
  ['thinking_delta', { type: 'thinking', field: 'thinking' }],
  ['signature_delta', { type: 'thinking', field: 'signature' }],
]);

/** Assembles the content blocks of one turn from their starts and their deltas. */
export class MessagesBlocks {
  readonly #limits: ReplyLimits;
  readonly #blocks = new Places<GrowingBlock>();

  constructor(limits: ReplyLimits) {
    this.#limits = limits;
  }

  /** Begins a block, unless it is a call that was already begun at this place. Returns the text that it begins with. */
  start(place: unknown, sent: unknown): string {
    if (!isObject(sent)) return '';
    const known = this.#blocks.at(place).at(-1);
    if (known && isSameCall(known.block, sent)) {
      if (known.hasStopped) known.inputText = '';
      return '';
    }
    const block = newGrowing(sent);
    if (block.type === 'text') block.text = textOf(sent, 'text');
    if (block.type === 'thinking') block.thinking = textOf(sent, 'thinking');
    this.#begin(place, block).inputText = typeof sent.input === 'string' ? sent.input : '';
    return block.type === 'text' ? textOf(block, 'text') : '';
  }

  /** Ends a block. Later events for its place belong to it, or begin another block. */
  stop(place: unknown): void {
    const last = this.#blocks.at(place).at(-1);
    if (last) last.hasStopped = true;
  }

  /** Adds a delta. Returns the text that it adds. @throws SyntaxError for the input of a call without a start. */
  add(place: unknown, delta: unknown): string {
    const type = wordOf(delta, 'type');
    if (type === 'input_json_delta') this.#write(place, textOf(delta, 'partial_json'));
    else if (type === 'citations_delta') this.#cite(place, delta);
    const target = TEXT_DELTAS.get(type);
    if (!target) return '';
    const { block } = this.#of(place, target.type) ?? this.#begin(place, unstarted(target.type));
    const piece = textOf(delta, target.field);
    block[target.field] = target.field === 'signature' ? piece : textOf(block, target.field) + piece;
    return target.field === 'text' ? piece : '';
  }

  /** The blocks in order, without empty texts. */
  get all(): SentBlock[] {
    return this.#blocks.ordered.map(whole).filter(({ block }) => block.type !== 'text' || block.text !== '');
  }

  #begin(place: unknown, block: Growing): GrowingBlock {
    this.#limits.block();
    if (block.type === 'tool_use') this.#limits.call();
    return this.#blocks.add(place, { block, inputText: '', hasStopped: false });
  }

  /** The last block at a place, if it has this type. */
  #of(place: unknown, type: string): GrowingBlock | undefined {
    const last = this.#blocks.at(place).at(-1);
    return last?.block.type === type ? last : undefined;
  }

  #write(place: unknown, piece: string): void {
    const call = this.#blocks.at(place).at(-1);
    if (!call || TEXTS.has(call.block.type)) throw new SyntaxError('the input of a call that never began');
    call.inputText += piece;
  }

  #cite(place: unknown, delta: unknown): void {
    const text = this.#of(place, 'text');
    const citation = isObject(delta) ? delta.citation : undefined;
    if (!text || !isObject(citation)) return;
    this.#limits.block();
    if (Array.isArray(text.block.citations)) text.block.citations.push(citation);
    else text.block.citations = [citation];
  }
}

/** Types of blocks without input. */
const TEXTS = new Set<unknown>(['text', 'thinking', 'redacted_thinking']);

/** Makes a block whose start is missing. A thought without its start may have lost its signature too. */
function unstarted(type: string): Growing {
  return newGrowing({ type, ...(type === 'thinking' && { thinking: '', signature: '' }) });
}

function isSameCall(known: Growing, sent: Readonly<Record<string, unknown>>): boolean {
  if (known.type !== 'tool_use' || sent.type !== 'tool_use') return false;
  return wordOf(sent, 'id') !== '' && known.id === sent.id;
}

/**
 * The input of a call that the output limit cut off is incomplete: the block stays valid, and the text is kept as it
 * arrived.
 */
function whole({ block, inputText }: GrowingBlock): SentBlock {
  const isWritten = inputText.trim() !== '';
  if (block.type !== 'tool_use' && !isWritten) return { block, arguments: '' };
  const input = isWritten ? inputOf(inputText) : isObject(block.input) ? block.input : {};
  return { block: newGrowing({ ...block, input }), arguments: isWritten ? inputText : JSON.stringify(input) };
}
