import type { Checkpoint, ToolResult } from '../contract/checkpoint.ts';
import type { TaskJob } from '../contract/task.ts';
import { ErrandError } from '../errors.ts';
import type { Model } from '../providers/model.ts';
import { type Allowance, tokensForNextTurn } from './budget.ts';
import { callTool, type Tool } from './tools.ts';
import { Transcript } from './transcript.ts';

const SYSTEM = `You carry out one task on your own. Nobody answers questions, so decide what is open and say what you decided.
Everything you know about the task is in the message. Use your tools where they help.
When you are done, answer with the result alone.`;

/** What a child is built from. `record` is called after each model call, before anything else happens. */
export type ChildParts = {
  task: TaskJob['task'];
  /** Background of the whole batch; empty where there is none. */
  batchContext: string;
  model: Model;
  tools: Tool[];
  allowance: Allowance;
  recorded: readonly Checkpoint[];
  record: (checkpoint: Checkpoint) => Promise<void>;
};

/**
 * The agent built for one attempt of a task. It has one method, `run`; what it used and said so far can be read at any
 * time, also after it failed.
 */
export class Child {
  readonly transcript: Transcript;
  readonly #parts: ChildParts;
  #streaming = '';

  constructor(parts: ChildParts) {
    this.#parts = parts;
    this.transcript = new Transcript(promptOf(parts), parts.recorded);
  }

  /** The text of the last turn, or of the one that was cut short. */
  get text(): string {
    return this.#streaming || (this.transcript.checkpoints.at(-1)?.reply.text ?? '');
  }

  /**
   * Runs turns until the model answers: tools, budget, model call, record.
   * @throws ErrandError of a `BUDGET_…`, `CHILD_…` or `PROVIDER_…` code, or the signal's reason.
   */
  async run(signal: AbortSignal): Promise<string> {
    await this.#restore(signal);
    this.#assertGoesOn();
    while (!this.#isDone) {
      signal.throwIfAborted();
      await this.#takeTurn(signal);
      this.#assertGoesOn();
    }
    return this.text;
  }

  get #isDone(): boolean {
    return this.transcript.checkpoints.at(-1)?.reply.stop === 'answer';
  }

  async #takeTurn(signal: AbortSignal): Promise<void> {
    const { model, tools, allowance, record } = this.#parts;
    const results: ToolResult[] = [];
    // One after the other: a model may write a file and read it in the same turn.
    for (const call of this.transcript.pendingCalls) results.push(await callTool(tools, call, signal));
    const { turns, usage } = this.transcript.tally;
    const maxOutputTokens = tokensForNextTurn(allowance, { turns, tokens: usage.input_tokens + usage.output_tokens });
    this.#streaming = '';
    const reply = await model.turn(
      {
        system: SYSTEM,
        transcript: this.transcript.withResults(results),
        tools: tools.map((tool) => tool.definition),
        maxOutputTokens,
        onText: (piece) => {
          this.#streaming += piece;
        },
      },
      signal,
    );
    const checkpoint: Checkpoint = { version: 1, turn: turns + 1, tool_results: results, reply };
    this.transcript.append(checkpoint);
    this.#streaming = '';
    await record(checkpoint);
  }

  #assertGoesOn(): void {
    const reply = this.transcript.checkpoints.at(-1)?.reply;
    if (reply?.stop === 'refusal') throw new ErrandError('CHILD_REFUSED', 'the model declined the task');
    if (reply?.stop === 'length') {
      throw new ErrandError('BUDGET_TOKENS', `the answer was cut after ${reply.usage.output_tokens} output tokens`);
    }
    if (reply?.stop === 'answer' && reply.text.trim() === '') {
      throw new ErrandError('CHILD_EMPTY_ANSWER', 'the model ended its turn without any text');
    }
  }

  /**
   * Repeats the recorded calls that built up the workspace, in their order: an attempt that takes over begins with an
   * empty one. The calls of the last turn are left out; they have no result yet and run with the next turn.
   */
  async #restore(signal: AbortSignal): Promise<void> {
    const { tools } = this.#parts;
    const answered = this.transcript.checkpoints.slice(0, -1).flatMap(({ reply }) => reply.tool_calls);
    for (const call of answered) {
      const tool = tools.find(({ definition }) => definition.name === call.name);
      if (tool?.effect === 'idempotent') await callTool(tools, call, signal);
    }
  }
}

function promptOf({ task, batchContext }: ChildParts): string {
  const parts = [
    batchContext && `Background of the batch:\n${batchContext}`,
    task.context && `Context:\n${task.context}`,
  ];
  return [...parts.filter(Boolean), parts.some(Boolean) ? `Task:\n${task.goal}` : task.goal].join('\n\n');
}
