import { isoNow } from '../base/clock.ts';
import { clip } from '../base/text.ts';
import type { Checkpoint, ToolCall, ToolResult, Turn } from '../contract/checkpoint.ts';
import type { EffectCall } from '../contract/effect-call.ts';
import type { Usage } from '../contract/usage.ts';
import { ErrandError } from '../errors.ts';
import type { Model } from '../providers/model.ts';
import { during, note, type Observer } from '../telemetry/observer.ts';
import type { AttemptLabel, Fact } from '../telemetry/step.ts';
import { type Allowance, tokensForNextTurn } from './allowance.ts';
import { EffectJournal, type WriteEffect } from './effect-journal.ts';
import { repeatedTurns } from './progress.ts';
import type { Prompt } from './prompt.ts';
import { type LostState, notesOf, restore, toldOf } from './restore.ts';
import { fitResults } from './tool-result.ts';
import type { Tools } from './tools.ts';
import { Transcript } from './transcript.ts';
import { placeOf, runTurn } from './turn-calls.ts';

/**
 * What a child is built from. The child calls `record` after each model call, before anything else happens. It calls
 * `shouldYield` before each model call and each tool call; if the result is true, it leaves the task to another
 * worker. It calls `journal` before and after each call of an effect tool. `effects` holds the effect calls of earlier
 * attempts.
 */
export type ChildParts = {
  prompt: Prompt;
  model: Model;
  tools: Tools;
  allowance: Allowance;
  shouldYield: () => boolean;
  /** Waits until the next model call may be sent; absent if it never waits. Rejects with the reason of the signal. */
  ready?: ((signal: AbortSignal) => Promise<void>) | undefined;
  recorded: readonly Checkpoint[];
  record: (checkpoint: Checkpoint) => Promise<void>;
  effects: readonly EffectCall[];
  journal: WriteEffect;
  /** Gets each turn, each piece of text and each tool call, as steps of the attempt that `label` names. */
  observer: Observer;
  label: AttemptLabel;
};

/** A model call that was cut short: when it ended, and the usage that the provider had reported, if any. */
export type CutCall = { closedAt: string; usage: Usage | undefined };

/**
 * The agent for one attempt of a task. It has one method, `run`. Its usage and text can be read at any time, also after
 * a failure.
 */
export class Child {
  readonly transcript: Transcript;
  readonly effects: EffectJournal;
  readonly #parts: ChildParts;
  /** Made once, because each piece of text reports it. */
  readonly #textSeen: Fact;
  #streaming = '';
  #reportedUsage: Usage | undefined;
  #cutCall: CutCall | undefined;
  #lost: LostState | null = null;
  /** What the model must still be told: the same as `#lost`, until the first results of this attempt. */
  #untold: LostState | null = null;

  constructor(parts: ChildParts) {
    this.#parts = parts;
    this.#textSeen = { name: 'text', ...attemptOf(parts.label) };
    this.transcript = new Transcript(parts.prompt.first, parts.recorded);
    this.effects = new EffectJournal(parts.effects, parts.journal);
  }

  /** The text of the last turn, or of a turn that was cut short. */
  get text(): string {
    return this.#streaming || (this.transcript.checkpoints.at(-1)?.reply.text ?? '');
  }

  /** The model call that an abort cut short; `undefined` if no call was running. */
  get cutCall(): CutCall | undefined {
    return this.#cutCall;
  }

  /** What the outcome must say about state that this attempt could not restore. */
  get notes(): string[] {
    return this.#lost ? notesOf(this.#lost) : [];
  }

  /**
   * Runs turns until the model answers. Each turn: tools, budget, model call, record.
   * @throws ErrandError with a code `BUDGET_…`, `CHILD_…`, `PROVIDER_…` or `ATTEMPT_DRAINED`; or the reason of the signal.
   */
  async run(signal: AbortSignal): Promise<string> {
    this.#lost = await restore({
      checkpoints: this.transcript.checkpoints,
      effects: this.effects.calls,
      tools: this.#parts.tools,
      repeat: (call, place) => this.#callTool(call, place, signal),
    });
    this.#untold = this.#lost;
    this.#assertContinues();
    while (!this.#isDone) {
      this.#assertMayCall(signal);
      await this.#takeTurn(signal);
      this.#assertContinues();
    }
    return this.text;
  }

  get #isDone(): boolean {
    return this.transcript.checkpoints.at(-1)?.reply.stop === 'answer';
  }

  async #takeTurn(signal: AbortSignal): Promise<void> {
    const results = await this.#answerCalls(signal);
    if (this.#parts.ready) await this.#parts.ready(signal);
    this.#assertMayCall(signal);
    const reply = await this.#callModel(results, signal);
    const turn = this.transcript.checkpoints.length + 1;
    const checkpoint: Checkpoint = { version: 1, turn, tool_results: results, reply };
    this.transcript.append(checkpoint);
    this.#streaming = '';
    const { observer, label, record } = this.#parts;
    await during(observer, { name: 'record_turn', ...label, reply }, () => record(checkpoint));
  }

  /** Runs the tool calls of the last turn: reads together, other calls in order. */
  async #answerCalls(signal: AbortSignal): Promise<ToolResult[]> {
    const { pendingCalls: calls, checkpoints } = this.transcript;
    if (calls.length === 0) return [];
    const isRead = ({ name }: ToolCall) => this.#parts.tools.classOf(name) === 'read';
    const run = (call: ToolCall, at: number, live: AbortSignal) => {
      this.#assertMayCall(live);
      return this.#answer(call, placeOf(checkpoints.length, at), live);
    };
    const results = fitResults(this.#withLoss(await runTurn({ calls, isRead, run }, signal)));
    this.#assertProgress(results);
    return results;
  }

  /** Tells the model once in this attempt what is gone. The checkpoint keeps it, so later turns send the same bytes. */
  #withLoss(results: ToolResult[]): ToolResult[] {
    const [first, ...others] = results;
    if (!first || !this.#untold) return results;
    const text = `${toldOf(this.#untold)}\n\n${first.text}`;
    this.#untold = null;
    return [{ ...first, text }, ...others];
  }

  async #answer(call: ToolCall, place: string, signal: AbortSignal): Promise<ToolResult> {
    const run = () => this.#callTool(call, place, signal);
    if (this.#parts.tools.classOf(call.name) !== 'effect' && !this.effects.has(place)) return run();
    return this.effects.once({ id: place, call_id: call.id, tool: call.name }, signal, run);
  }

  #callTool(call: ToolCall, place: string, signal: AbortSignal): Promise<ToolResult> {
    const { tools, allowance, observer, label } = this.#parts;
    const step = { tool: call.name, ...attemptOf(label) };
    if (tools.denialOf(call.name) !== undefined) note(observer, { name: 'tool_denied', ...step });
    const onProgress = (text: string) => note(observer, { name: 'tool_progress', ...step, text });
    const terms = { place, signal, limitMs: allowance.toolMs, onProgress };
    return during(observer, { name: 'tool', ...step }, () => tools.call(call, terms));
  }

  async #callModel(results: ToolResult[], signal: AbortSignal): Promise<Turn> {
    const { prompt, model, tools, allowance, observer, label } = this.#parts;
    const { turns, usage } = this.transcript.tally;
    const maxOutputTokens = tokensForNextTurn(allowance, { turns, tokens: usage.input_tokens + usage.output_tokens });
    this.transcript.assertFits(results);
    this.#streaming = '';
    this.#reportedUsage = undefined;
    const request = {
      system: prompt.system,
      transcript: this.transcript.withResults(results),
      tools: tools.definitions,
      maxOutputTokens,
      onText: (piece: string) => {
        this.#streaming += piece;
        note(observer, this.#textSeen);
      },
      onUsage: (usage: Usage) => {
        this.#reportedUsage = usage;
      },
    };
    try {
      const step = { name: 'turn', turn: turns + 1, ...attemptOf(label) } as const;
      return await during(observer, step, () => model.turn(request, signal));
    } catch (error) {
      if (signal.aborted) this.#cutCall = { closedAt: isoNow(), usage: this.#reportedUsage };
      throw error;
    }
  }

  /**
   * Called before each tool call and before the model call: a stopping worker would waste a call that it starts.
   */
  #assertMayCall(signal: AbortSignal): void {
    signal.throwIfAborted();
    if (!this.#parts.shouldYield()) return;
    const { length } = this.transcript.checkpoints;
    throw new ErrandError('ATTEMPT_DRAINED', `the worker is stopping; recorded turns: ${length}`);
  }

  #assertProgress(results: ToolResult[]): void {
    const repeated = repeatedTurns(this.transcript.checkpoints, results);
    if (repeated < this.#parts.allowance.turnsWithoutProgress) return;
    const names = this.transcript.pendingCalls.map(({ name }) => clip(name, 100)).join(', ');
    throw new ErrandError('CHILD_NO_PROGRESS', `${repeated} turns in a row called ${names} with the same results`);
  }

  #assertContinues(): void {
    const reply = this.transcript.checkpoints.at(-1)?.reply;
    const calls = reply?.tool_calls.length ?? 0;
    const { toolCallsPerTurn } = this.#parts.allowance;
    if (calls > toolCallsPerTurn) {
      const message = `the model asked for ${calls} tool calls in one turn; the limit is ${toolCallsPerTurn}`;
      throw new ErrandError('BUDGET_TOOL_CALLS', message);
    }
    if (reply?.stop === 'refusal') throw new ErrandError('CHILD_REFUSED', 'the model declined the task');
    if (reply?.stop === 'length') {
      throw this.#cutShort(reply.usage.output_tokens);
    }
    if (reply?.stop === 'answer' && reply.text.trim() === '') {
      throw new ErrandError('CHILD_EMPTY_ANSWER', 'the model ended its turn without any text');
    }
  }

  /**
   * The error of a truncated answer. It has its own remedy if the limit of one turn was reached, not that of the task.
   */
  #cutShort(outputTokens: number): ErrandError {
    const { tokens = Number.POSITIVE_INFINITY } = this.#parts.allowance;
    const { usage } = this.transcript.tally;
    const remedy =
      'Raise budget.output_tokens_per_turn and the max_output_tokens of the provider in the configuration, or lower reasoning_effort: reasoning tokens count too.';
    return new ErrandError('BUDGET_TOKENS', `the answer was cut after ${outputTokens} output tokens`, {
      ...(usage.input_tokens + usage.output_tokens < tokens && { remedy }),
    });
  }
}

function attemptOf({ taskId, epoch }: AttemptLabel): { taskId: string; epoch: number } {
  return { taskId, epoch };
}
