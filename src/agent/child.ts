import { isoNow } from '../base/clock.ts';
import { clip } from '../base/text.ts';
import type { Checkpoint, ToolCall, ToolResult, Turn } from '../contract/checkpoint.ts';
import type { EffectCall } from '../contract/effect-call.ts';
import type { TaskJob } from '../contract/task.ts';
import type { Usage } from '../contract/usage.ts';
import { ErrandError } from '../errors.ts';
import type { Model } from '../providers/model.ts';
import { during, note, type Observer } from '../telemetry/observer.ts';
import type { AttemptLabel, Fact } from '../telemetry/step.ts';
import { type Allowance, tokensForNextTurn } from './allowance.ts';
import { EffectJournal, type WriteEffect } from './effect-journal.ts';
import { repeatedTurns } from './progress.ts';
import { promptOf, SYSTEM } from './prompt.ts';
import { fitResults, type Tools } from './tools.ts';
import { Transcript } from './transcript.ts';

/**
 * What a child is built from. `record` is called after each model call, before anything else happens; `shouldYield` before
 * each, and where it says so the child leaves the rest to another worker. `journal` is called before and after each call
 * of an effect tool; `effects` is what it was called with in earlier attempts.
 */
export type ChildParts = {
  task: TaskJob['task'];
  /** Background of the whole batch; empty where there is none. */
  batchContext: string;
  model: Model;
  tools: Tools;
  allowance: Allowance;
  shouldYield: () => boolean;
  recorded: readonly Checkpoint[];
  record: (checkpoint: Checkpoint) => Promise<void>;
  effects: readonly EffectCall[];
  journal: WriteEffect;
  /** Sees each turn, each piece of text and each call of a tool, as steps of the attempt of `label`. */
  observer: Observer;
  label: AttemptLabel;
};

/** A model call that was cut short: when it had ended, and what the provider had told by then of its tokens, if anything. */
export type CutCall = { closedAt: string; usage: Usage | undefined };

/**
 * The agent built for one attempt of a task. It has one method, `run`; what it used and said so far can be read at any
 * time, also after it failed.
 */
export class Child {
  readonly transcript: Transcript;
  readonly effects: EffectJournal;
  readonly #parts: ChildParts;
  /** Made once, because there is one for each piece of text. */
  readonly #textSeen: Fact;
  #streaming = '';
  #toldUsage: Usage | undefined;
  #cutCall: CutCall | undefined;

  constructor(parts: ChildParts) {
    this.#parts = parts;
    this.#textSeen = { name: 'text', ...attemptOf(parts.label) };
    this.transcript = new Transcript(promptOf(parts), parts.recorded);
    this.effects = new EffectJournal(parts.effects, parts.journal);
  }

  /** The text of the last turn, or of the one that was cut short. */
  get text(): string {
    return this.#streaming || (this.transcript.checkpoints.at(-1)?.reply.text ?? '');
  }

  /** The model call that an abort cut short; `undefined` where none was under way. */
  get cutCall(): CutCall | undefined {
    return this.#cutCall;
  }

  /**
   * Runs turns until the model answers: tools, budget, model call, record.
   * @throws ErrandError of a `BUDGET_…`, `CHILD_…` or `PROVIDER_…` code, `ATTEMPT_DRAINED`, or the signal's reason.
   */
  async run(signal: AbortSignal): Promise<string> {
    await this.#restore(signal);
    this.#assertGoesOn();
    while (!this.#isDone) {
      this.#assertMayCall(signal);
      await this.#takeTurn(signal);
      this.#assertGoesOn();
    }
    return this.text;
  }

  get #isDone(): boolean {
    return this.transcript.checkpoints.at(-1)?.reply.stop === 'answer';
  }

  async #takeTurn(signal: AbortSignal): Promise<void> {
    const results = await this.#answerCalls(signal);
    this.#assertMayCall(signal);
    const reply = await this.#callModel(results, signal);
    const turn = this.transcript.checkpoints.length + 1;
    const checkpoint: Checkpoint = { version: 1, turn, tool_results: results, reply };
    this.transcript.append(checkpoint);
    this.#streaming = '';
    const { observer, label, record } = this.#parts;
    await during(observer, { name: 'record_turn', ...label, reply }, () => record(checkpoint));
  }

  /** Runs the tools the last turn asked for, one after the other: a model may write a file and read it in one turn. */
  async #answerCalls(signal: AbortSignal): Promise<ToolResult[]> {
    const results: ToolResult[] = [];
    const turn = this.transcript.checkpoints.length;
    for (const [at, call] of this.transcript.pendingCalls.entries()) {
      results.push(await this.#answer(call, placeOf(turn, at), signal));
    }
    const fitted = fitResults(results);
    if (fitted.length > 0) this.#assertProgress(fitted);
    return fitted;
  }

  async #answer(call: ToolCall, place: string, signal: AbortSignal): Promise<ToolResult> {
    const run = () => this.#callTool(call, place, signal);
    if (this.#parts.tools.classOf(call.name) !== 'effect' && !this.effects.has(place)) return run();
    return this.effects.once({ id: place, call_id: call.id, tool: call.name }, signal, run);
  }

  #callTool(call: ToolCall, place: string, signal: AbortSignal): Promise<ToolResult> {
    const { tools, allowance, observer, label } = this.#parts;
    const terms = { place, signal, limitMs: allowance.toolMs };
    return during(observer, { name: 'tool', tool: call.name, ...attemptOf(label) }, () => tools.call(call, terms));
  }

  async #callModel(results: ToolResult[], signal: AbortSignal): Promise<Turn> {
    const { model, tools, allowance, observer, label } = this.#parts;
    const { turns, usage } = this.transcript.tally;
    const maxOutputTokens = tokensForNextTurn(allowance, { turns, tokens: usage.input_tokens + usage.output_tokens });
    this.transcript.assertFits(results);
    this.#streaming = '';
    this.#toldUsage = undefined;
    const request = {
      system: SYSTEM,
      transcript: this.transcript.withResults(results),
      tools: tools.definitions,
      maxOutputTokens,
      onText: (piece: string) => {
        this.#streaming += piece;
        note(observer, this.#textSeen);
      },
      onUsage: (usage: Usage) => {
        this.#toldUsage = usage;
      },
    };
    try {
      const step = { name: 'turn', turn: turns + 1, ...attemptOf(label) } as const;
      return await during(observer, step, () => model.turn(request, signal));
    } catch (error) {
      if (signal.aborted) this.#cutCall = { closedAt: isoNow(), usage: this.#toldUsage };
      throw error;
    }
  }

  /** Before tools and again before the model call: what a worker that goes away begins would be paid for in vain. */
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

  #assertGoesOn(): void {
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

  /** Which limit cut the answer short: what the task had left of its tokens, or what one turn may generate. */
  #cutShort(outputTokens: number): ErrandError {
    const { tokens = Number.POSITIVE_INFINITY } = this.#parts.allowance;
    const { usage } = this.transcript.tally;
    const remedy =
      'Raise budget.output_tokens_per_turn and the max_output_tokens of the provider in the configuration, or lower reasoning_effort: reasoning tokens count too.';
    return new ErrandError('BUDGET_TOKENS', `the answer was cut after ${outputTokens} output tokens`, {
      ...(usage.input_tokens + usage.output_tokens < tokens && { remedy }),
    });
  }

  /**
   * Repeats the recorded calls that built up the state of toolsets that restore, in their order: an attempt that takes over
   * begins with an empty state. The calls of the last turn are left out; they have no result yet and run with the next turn.
   * A call that failed is left out too: the model knows that it changed nothing.
   * @throws ErrandError of the code of the toolset if a call that succeeded fails now: the model relies on its effect.
   */
  async #restore(signal: AbortSignal): Promise<void> {
    for (const { call, place, hasFailed } of answeredCalls(this.transcript.checkpoints)) {
      const restorer = hasFailed ? undefined : this.#parts.tools.restorerOf(call.name);
      if (!restorer) continue;
      const { is_error, text } = await this.#callTool(call, place, signal);
      if (is_error) throw new ErrandError(restorer.faultCode, `a recorded call cannot be repeated: ${text}`);
    }
  }
}

/** The place of a call in its task: `<turn>.<number in the turn>`, both from 1. The same in every attempt. */
function placeOf(turn: number, at: number): string {
  return `${turn}.${at + 1}`;
}

type AnsweredCall = { call: ToolCall; place: string; hasFailed: boolean };

/** The calls of all turns but the last, in order. The results of one turn are in the next checkpoint, in the same order. */
function answeredCalls(checkpoints: readonly Checkpoint[]): AnsweredCall[] {
  return checkpoints.slice(0, -1).flatMap(({ reply }, turn) => {
    const results = checkpoints[turn + 1]?.tool_results;
    return reply.tool_calls.map((call, at) => ({
      call,
      place: placeOf(turn + 1, at),
      hasFailed: results?.[at]?.is_error === true,
    }));
  });
}

function attemptOf({ taskId, epoch }: AttemptLabel): { taskId: string; epoch: number } {
  return { taskId, epoch };
}
