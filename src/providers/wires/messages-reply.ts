import { fieldOf, textOf, wordOf } from '../../base/foreign.ts';
import type { Stage } from '../call.ts';
import { MessagesBlocks } from './messages-blocks.ts';
import type { Bill } from './meter.ts';
import { stopFor } from './stop-words.ts';
import type { Gathering, TurnBody, WireReply } from './wire.ts';

/** Gathers content blocks from their deltas. */
export class MessagesReply implements WireReply {
  readonly #with: Gathering;
  readonly #blocks: MessagesBlocks;
  #stopReason = '';
  #hasStopped = false;

  constructor(gathering: Gathering) {
    this.#with = gathering;
    this.#blocks = new MessagesBlocks(gathering.limits);
  }

  get stage(): Stage {
    if (this.#hasStopped) return 'ended';
    return this.#stopReason === '' ? 'open' : 'finished';
  }

  takeDone(): void {
    this.#hasStopped ||= this.#stopReason !== '';
  }

  take(event: unknown): void {
    const type = wordOf(event, 'type');
    const place = fieldOf(event, 'index');
    if (type === 'message_start') this.#count(fieldOf(event, 'message', 'usage'));
    else if (type === 'content_block_start') this.#say(this.#blocks.start(place, fieldOf(event, 'content_block')));
    else if (type === 'content_block_delta') this.#say(this.#blocks.add(place, fieldOf(event, 'delta')));
    else if (type === 'content_block_stop') this.#blocks.stop(place);
    else if (type === 'message_delta') {
      this.#stopReason ||= wordOf(event, 'delta', 'stop_reason');
      this.#count(fieldOf(event, 'usage'));
    } else if (type === 'message_stop') this.#hasStopped = true;
  }

  turn(): TurnBody {
    const sent = this.#blocks.all;
    const { ids } = this.#with;
    const calls = sent.filter(({ block }) => block.type === 'tool_use');
    for (const { block } of calls) block.id = ids.next(wordOf(block, 'id'));
    return {
      native: sent.map(({ block }) => block),
      text: sent.map(({ block }) => (block.type === 'text' ? textOf(block, 'text') : '')).join(''),
      tool_calls: calls.map(({ block, arguments: args }) => ({
        id: wordOf(block, 'id'),
        name: wordOf(block, 'name'),
        arguments: args,
      })),
      stop: stopFor(this.#with.route, this.#stopReason, calls.length > 0),
      bill: this.#bill(),
    };
  }

  #say(piece: string): void {
    if (piece !== '') this.#with.listeners.onText?.(piece);
  }

  #count(sent: unknown): void {
    const { meter, listeners } = this.#with;
    meter.tell('uncached', fieldOf(sent, 'input_tokens'));
    meter.tell('cached', fieldOf(sent, 'cache_read_input_tokens'));
    meter.tell('written', fieldOf(sent, 'cache_creation_input_tokens'));
    meter.tell('output', fieldOf(sent, 'output_tokens'));
    meter.tell('reasoning', fieldOf(sent, 'output_tokens_details', 'thinking_tokens'));
    if (!meter.hasFigures) return;
    const { usage, cost_usd } = this.#bill();
    listeners.onUsage?.(usage, cost_usd);
  }

  /** Anthropic does not include cache reads and writes in `input_tokens`; our `input_tokens` is the total. */
  #bill(): Bill {
    const { meter } = this.#with;
    const [uncached, cached, written] = [meter.get('uncached'), meter.get('cached'), meter.get('written')];
    return meter.bill({
      input: uncached === null ? null : uncached + (cached ?? 0) + (written ?? 0),
      cached,
      written,
      output: meter.get('output'),
      reasoning: meter.get('reasoning'),
    });
  }
}
