import { type ForeignObject, fieldOf, isObject, listOf, textOf, wordOf } from '../../base/foreign.ts';
import type { StopReason, ToolCall } from '../../contract/checkpoint.ts';
import type { AnswerHeaders } from '../answer.ts';
import type { Stage } from '../call.ts';
import { isFilled } from '../complaint.ts';
import { faultOfAnswer } from '../faults.ts';
import type { Bill } from './meter.ts';
import { ReplyLimits } from './reply-limits.ts';
import { callIdOf, outputTextOf, partsOf, ResponsesItems } from './responses-items.ts';
import { endOf, stopFor } from './stop-words.ts';
import type { Gathering, TurnBody, WireReply } from './wire.ts';

const TERMINAL = new Set(['response.completed', 'response.incomplete', 'response.failed']);

/** Gathers the items of one response. */
export class ResponsesReply implements WireReply {
  readonly #with: Gathering;
  readonly #items: ResponsesItems;
  #headers: AnswerHeaders | undefined;
  #end: ForeignObject | undefined;

  constructor(gathering: Gathering) {
    this.#with = gathering;
    this.#items = new ResponsesItems(gathering.limits);
  }

  get stage(): Stage {
    return this.#end === undefined ? 'open' : 'ended';
  }

  answered(headers: AnswerHeaders): void {
    this.#headers = headers;
  }

  /** The terminal event has the state and the usage of the response. Without it there is no turn. */
  takeDone(): void {}

  take(event: unknown): void {
    const type = wordOf(event, 'type');
    if (type.endsWith('.delta')) this.#takeDelta(type, event);
    else if (type === 'response.function_call_arguments.done') {
      this.#items.setArguments(fieldOf(event, 'output_index'), wordOf(event, 'item_id'), textOf(event, 'arguments'));
    } else if (type === 'response.output_item.added' || type === 'response.output_item.done') {
      this.#items.put(fieldOf(event, 'output_index'), fieldOf(event, 'item'), type === 'response.output_item.done');
    }
    this.#takeResponse(type, fieldOf(event, 'response'));
  }

  #takeDelta(type: string, event: unknown): void {
    const [place, id, piece] = [fieldOf(event, 'output_index'), wordOf(event, 'item_id'), textOf(event, 'delta')];
    if (type === 'response.output_text.delta') {
      this.#items.write(place, id, { text: piece });
      if (piece !== '') this.#with.listeners.onText?.(piece);
    } else if (type === 'response.refusal.delta') this.#items.write(place, id, { refusal: piece });
    else if (type === 'response.function_call_arguments.delta') this.#items.write(place, id, { args: piece });
  }

  turn(): TurnBody {
    const items = this.#items.all(listOf(this.#end, 'output'));
    const limits = new ReplyLimits();
    const calls: ToolCall[] = [];
    const native = items.map((item) => {
      limits.block();
      if (wordOf(item, 'type') !== 'function_call') return item;
      limits.call();
      const id = this.#with.ids.next(callIdOf(item));
      calls.push({ id, name: wordOf(item, 'name'), arguments: textOf(item, 'arguments') });
      return { ...item, call_id: id };
    });
    const messages = items.filter((item) => wordOf(item, 'type') === 'message');
    const parts = messages.flatMap(partsOf);
    const stop = this.#stop(calls.length > 0, parts);
    const text = parts.map(outputTextOf).join('');
    const isBlank = messages.some(({ content }) => typeof content !== 'string' && !Array.isArray(content));
    if (stop === 'answer' && text === '' && isBlank) throw new SyntaxError('a message without content');
    return { native, text, tool_calls: calls, stop, bill: this.#bill() };
  }

  /** @throws ErrandError for a failed response, after its usage was reported. */
  #takeResponse(type: string, response: unknown): void {
    if (!isObject(response)) return;
    this.#count(response.usage);
    if (!TERMINAL.has(type)) return;
    const status = wordOf(response, 'status');
    const hasFailed = type === 'response.failed' || status === 'failed' || status === 'cancelled';
    if (hasFailed || textOf(response, 'error', 'message') !== '') {
      const { provider } = this.#with.route;
      const message = `the response ended with the status ${JSON.stringify(status || 'failed')}`;
      const body = isFilled(response.error) ? response.error : { message };
      throw faultOfAnswer(provider, { headers: this.#headers, body, message });
    }
    this.#end = type === 'response.incomplete' ? { ...response, status: 'incomplete' } : response;
  }

  #stop(hasCalls: boolean, parts: readonly unknown[]): StopReason {
    if (parts.some((part) => wordOf(part, 'type') === 'refusal')) return 'refusal';
    if (wordOf(this.#end, 'status') !== 'incomplete') return endOf(hasCalls);
    const reason = wordOf(this.#end, 'incomplete_details', 'reason');
    return reason !== '' && stopFor(this.#with.route, reason, hasCalls) === 'refusal' ? 'refusal' : 'length';
  }

  #count(usage: unknown): void {
    // The first events of every response carry no usage.
    if (!isObject(usage)) return;
    const { meter, listeners } = this.#with;
    meter.tell('input', fieldOf(usage, 'input_tokens'));
    meter.tell('cached', fieldOf(usage, 'input_tokens_details', 'cached_tokens'));
    meter.tell('written', fieldOf(usage, 'input_tokens_details', 'cache_write_tokens'));
    meter.tell('output', fieldOf(usage, 'output_tokens'));
    meter.tell('reasoning', fieldOf(usage, 'output_tokens_details', 'reasoning_tokens'));
    if (!meter.hasFigures) return;
    const { usage: known, cost_usd } = this.#bill();
    listeners.onUsage?.(known, cost_usd);
  }

  #bill(): Bill {
    const { meter } = this.#with;
    const get = (name: string) => meter.get(name);
    return meter.bill({
      input: get('input'),
      cached: get('cached'),
      written: get('written'),
      output: get('output'),
      reasoning: get('reasoning'),
    });
  }
}
