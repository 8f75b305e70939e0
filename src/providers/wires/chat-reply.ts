import { asList, asText, fieldOf, isObject, listOf, textOf, wordOf } from '../../base/foreign.ts';
import type { StopReason } from '../../contract/checkpoint.ts';
import type { Stage } from '../call.ts';
import { ChatCalls, type SentCall } from './chat-calls.ts';
import { mergeDelta } from './chat-delta.ts';
import { type Growing, newGrowing } from './growing.ts';
import type { Bill } from './meter.ts';
import { stopFor } from './stop-words.ts';
import type { Gathering, TurnBody, WireReply } from './wire.ts';

/** The fields of a delta that have their own handling instead of the merge. */
const READ_APART = new Set(['role', 'tool_calls', 'function_call']);

/** The text in a piece of content: the piece itself, or the text of its parts. */
function textIn(content: unknown): string {
  if (typeof content === 'string') return content;
  return asList(content)
    .map((part) => (wordOf(part, 'type') === 'text' ? textOf(part, 'text') : ''))
    .join('');
}

/** Gathers the deltas of the requested choice. */
export class ChatReply implements WireReply {
  readonly #with: Gathering;
  readonly #calls: ChatCalls;
  /** The message so far without its calls, with the fields that the provider adds. */
  readonly #message: Growing = newGrowing({ content: null });
  #text = '';
  #finish = '';
  #hasDelta = false;
  #hasEnded = false;

  constructor(gathering: Gathering) {
    this.#with = gathering;
    this.#calls = new ChatCalls(gathering.limits);
  }

  get stage(): Stage {
    if (this.#hasEnded) return 'ended';
    return this.#finish === '' ? 'open' : 'finished';
  }

  /** Some servers give no reason for the end of a turn. A stream without a delta is never a turn. */
  takeDone(): void {
    if (this.#finish === '' && this.#hasDelta) this.#finish = 'stop';
    this.#hasEnded = this.#finish !== '';
  }

  take(chunk: unknown): void {
    const choice = listOf(chunk, 'choices')[0];
    for (const usage of [fieldOf(chunk, 'x_groq', 'usage'), fieldOf(choice, 'usage'), fieldOf(chunk, 'usage')]) {
      if (isObject(usage)) this.#count(usage);
    }
    const delta = fieldOf(choice, 'delta');
    if (isObject(delta)) this.#grow(delta);
    this.#finish = wordOf(choice, 'finish_reason') || this.#finish;
  }

  turn(): TurnBody {
    const calls = this.#calls.all.map((call) => ({ ...call, id: this.#with.ids.next(call.id) }));
    return {
      native: this.#native(calls),
      text: this.#text,
      tool_calls: calls.map(({ id, name, arguments: args }) => ({ id, name, arguments: args })),
      stop: this.#stop(calls.length > 0),
      bill: this.#bill(),
    };
  }

  #grow(delta: Readonly<Record<string, unknown>>): void {
    this.#hasDelta = true;
    const { limits, listeners } = this.#with;
    if (delta.tool_calls !== undefined) this.#calls.add(delta.tool_calls);
    if (isObject(delta.function_call)) this.#calls.add([{ function: delta.function_call }]);
    mergeDelta(this.#message, delta, limits, READ_APART);
    const piece = textIn(delta.content);
    this.#text += piece;
    if (piece !== '') listeners.onText?.(piece);
  }

  #native(calls: SentCall[]): Growing {
    const fields = Object.entries(this.#message).filter(([name, field]) => name === 'content' || field !== null);
    const native = newGrowing({ role: 'assistant', ...Object.fromEntries(fields) });
    if (calls.length === 0) return native;
    native.tool_calls = calls.map(({ id, name, arguments: args, extras, functionExtras }) =>
      newGrowing({ ...extras, id, type: 'function', function: { ...functionExtras, name, arguments: args } }),
    );
    return native;
  }

  /** @throws SyntaxError for a finished turn without content: not even an empty text. */
  #stop(hasCalls: boolean): StopReason {
    const stop = stopFor(this.#with.route, this.#finish, hasCalls);
    if (asText(this.#message.refusal) !== '') return 'refusal';
    const isNothing = Object.values(this.#message).every((field) => field === null);
    if (stop === 'answer' && isNothing) throw new SyntaxError('an answer without content');
    return stop;
  }

  #count(sent: unknown): void {
    this.#tell(sent);
    const { meter, listeners } = this.#with;
    if (!meter.hasFigures) return;
    const { usage, cost_usd } = this.#bill();
    listeners.onUsage?.(usage, cost_usd);
  }

  #tell(usage: unknown): void {
    const { meter } = this.#with;
    meter.tell('input', fieldOf(usage, 'prompt_tokens'));
    meter.tell('output', fieldOf(usage, 'completion_tokens'));
    meter.tell('total', fieldOf(usage, 'total_tokens'));
    // DeepSeek and Kimi report cached tokens outside the details.
    meter.tell('cached', fieldOf(usage, 'prompt_cache_hit_tokens'));
    meter.tell('cached', fieldOf(usage, 'cached_tokens'));
    meter.tell('cached', fieldOf(usage, 'prompt_tokens_details', 'cached_tokens'));
    meter.tell('written', fieldOf(usage, 'prompt_tokens_details', 'cache_write_tokens'));
    meter.tell('reasoning', fieldOf(usage, 'completion_tokens_details', 'reasoning_tokens'));
    // OpenRouter charges a fee for calls with a key of the user's own; the vendor behind it charges the rest.
    const isOwnKey = fieldOf(usage, 'is_byok') === true;
    meter.tellCost(fieldOf(usage, 'cost'), isOwnKey ? fieldOf(usage, 'cost_details', 'upstream_inference_cost') : 0);
  }

  #bill(): Bill {
    const { meter } = this.#with;
    const [input, output, total] = [meter.get('input'), meter.get('output'), meter.get('total')];
    // xAI counts reasoning in the total alone.
    const rest = input === null || total === null ? 0 : total - input;
    return meter.bill({
      input,
      cached: meter.get('cached'),
      written: meter.get('written'),
      output: output === null && rest <= 0 ? null : Math.max(output ?? 0, rest),
      reasoning: meter.get('reasoning'),
    });
  }
}
