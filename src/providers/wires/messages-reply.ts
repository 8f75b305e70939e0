import type {
  ContentBlock,
  RawContentBlockDelta,
  RawMessageStreamEvent,
} from '@anthropic-ai/sdk/resources/messages/messages';
import type { StopReason, ToolCall } from '../../contract/checkpoint.ts';
import { ErrandError } from '../../errors.ts';
import type { Reply, Stage } from '../call.ts';
import type { TurnListeners } from '../model.ts';
import type { BilledUsage } from '../prices.ts';
import { billOf, stopFor, type TurnBody, tokens, toNative, type WireRoute } from './wire.ts';

/** A content block, and the text of its tool input as far as it came: JSON only once it is whole. */
type GrowingBlock = { block: ContentBlock; inputText: string };

/** The counters a turn is billed by; later events carry later totals, and leave out what did not change. */
type Told = {
  input_tokens: number | null;
  cache_creation_input_tokens: number | null;
  cache_read_input_tokens: number | null;
  output_tokens: number;
  output_tokens_details: { thinking_tokens: number } | null;
};

const NOTHING_TOLD: Told = {
  input_tokens: null,
  cache_creation_input_tokens: null,
  cache_read_input_tokens: null,
  output_tokens: 0,
  output_tokens_details: null,
};

const STOP_REASONS: Readonly<Record<string, StopReason>> = {
  end_turn: 'answer',
  stop_sequence: 'answer',
  tool_use: 'tools',
  max_tokens: 'length',
  refusal: 'refusal',
};

function grow({ block }: GrowingBlock, delta: RawContentBlockDelta): void {
  if (delta.type === 'text_delta' && block.type === 'text') block.text += delta.text;
  else if (delta.type === 'thinking_delta' && block.type === 'thinking') block.thinking += delta.thinking;
  else if (delta.type === 'signature_delta' && block.type === 'thinking') block.signature = delta.signature;
  else if (delta.type === 'citations_delta' && block.type === 'text') {
    block.citations = [...(block.citations ?? []), delta.citation];
  }
}

/** A call cut off by the output limit has no whole input; its block is kept valid, its text is kept as it came. */
function parsedInput(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}

/** Gathers content blocks from their deltas. */
export class MessagesReply implements Reply<RawMessageStreamEvent> {
  readonly #options: WireRoute;
  readonly #listeners: TurnListeners;
  readonly #blocks: GrowingBlock[] = [];
  #told: Told | undefined;
  #stopReason: string | null = null;
  #hasStopped = false;

  constructor(options: WireRoute, listeners: TurnListeners) {
    this.#options = options;
    this.#listeners = listeners;
  }

  get stage(): Stage {
    if (this.#hasStopped) return 'ended';
    return this.#stopReason === null ? 'open' : 'finished';
  }

  takeDone(): void {
    this.#hasStopped ||= this.#stopReason !== null;
  }

  take(event: RawMessageStreamEvent): void {
    if (event.type === 'message_start') this.#count(event.message.usage);
    else if (event.type === 'content_block_start') {
      this.#blocks[event.index] = { block: { ...event.content_block }, inputText: '' };
    } else if (event.type === 'content_block_delta') this.#grow(event.index, event.delta);
    else if (event.type === 'message_delta') {
      this.#stopReason ??= event.delta.stop_reason ?? null;
      this.#count(event.usage);
    } else if (event.type === 'message_stop') this.#hasStopped = true;
  }

  /** @throws ErrandError `CONTEXT_TOO_LONG` where the window ended the answer: unlike a limit, none can be raised. */
  turn(): TurnBody {
    if (this.#stopReason === 'model_context_window_exceeded') {
      const { model } = this.#options;
      throw new ErrandError('CONTEXT_TOO_LONG', `the conversation and its answer fill the context window of ${model}`);
    }
    const calls = this.#toolCalls();
    const blocks = this.#blocks.filter((growing) => growing !== undefined).map((growing) => this.#whole(growing));
    return {
      native: toNative(blocks.filter((block) => block.type !== 'text' || block.text !== '')),
      text: blocks.map((block) => (block.type === 'text' ? block.text : '')).join(''),
      tool_calls: calls,
      stop: stopFor(this.#options, STOP_REASONS, this.#stopReason, calls),
      ...billOf(this.#options, this.#usage()),
    };
  }

  #grow(index: number, delta: RawContentBlockDelta): void {
    const growing = this.#blocks[index];
    if (!growing) throw new SyntaxError(`a delta for content block ${index}, which never started`);
    if (delta.type === 'input_json_delta') growing.inputText += delta.partial_json;
    else grow(growing, delta);
    if (delta.type === 'text_delta') this.#listeners.onText?.(delta.text);
  }

  #whole({ block, inputText }: GrowingBlock): ContentBlock {
    return block.type === 'tool_use' && inputText !== '' ? { ...block, input: parsedInput(inputText) } : block;
  }

  #toolCalls(): ToolCall[] {
    return this.#blocks.flatMap(({ block, inputText }) =>
      block.type === 'tool_use'
        ? [{ id: block.id, name: block.name, arguments: inputText || JSON.stringify(block.input) }]
        : [],
    );
  }

  #count(later: Partial<Told> | undefined): void {
    if (!later) return;
    const counted = Object.entries(later).filter(([, value]) => value !== null && value !== undefined);
    this.#told = { ...(this.#told ?? NOTHING_TOLD), ...Object.fromEntries(counted) };
    this.#listeners.onUsage?.(billOf(this.#options, this.#usage()).usage);
  }

  /** Anthropic counts what came from or went to the cache beside `input_tokens`; ours is the total. */
  #usage(): BilledUsage | null {
    const told = this.#told;
    if (!told) return null;
    const cached = tokens(told.cache_read_input_tokens);
    const written = tokens(told.cache_creation_input_tokens);
    return {
      input_tokens: tokens(told.input_tokens) + cached + written,
      cached_input_tokens: cached,
      cache_write_tokens: written,
      output_tokens: tokens(told.output_tokens),
      reasoning_tokens: tokens(told.output_tokens_details?.thinking_tokens),
    };
  }
}
