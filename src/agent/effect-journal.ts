import type { ToolResult } from '../contract/checkpoint.ts';
import type { EffectCall } from '../contract/effect-call.ts';

/** Writes the record of one call, and replaces its earlier record. Rejects if the write is refused. */
export type WriteEffect = (call: EffectCall) => Promise<void>;

/** The result that a model gets for a call that was interrupted. */
const UNKNOWN = 'Outcome unknown: the call was interrupted; it may or may not have happened.';

/**
 * The calls of effect tools of one task. Each call starts at most once, over all attempts.
 *
 * Invariant: a call is recorded before it runs, so a call without a record has not happened.
 */
export class EffectJournal {
  readonly #calls: Map<string, EffectCall>;
  readonly #write: WriteEffect;

  constructor(recorded: readonly EffectCall[], write: WriteEffect) {
    this.#calls = new Map(recorded.map((call) => [call.id, call]));
    this.#write = write;
  }

  /** All calls that this attempt and earlier attempts started. */
  get calls(): EffectCall[] {
    return [...this.#calls.values()];
  }

  /** Tells whether the call was started, even if its tool has another class now. */
  has(id: string): boolean {
    return this.#calls.has(id);
  }

  /**
   * Runs a call unless it has a record. A recorded call returns its recorded result, or an error if it has no result.
   * @throws the signal's reason, or what `run` or a write throws. The call then stays without a result.
   */
  async once(
    call: Omit<EffectCall, 'version' | 'result'>,
    signal: AbortSignal,
    run: () => Promise<ToolResult>,
  ): Promise<ToolResult> {
    const known = this.#calls.get(call.id);
    if (known) return known.result ?? { call_id: call.call_id, text: UNKNOWN, is_error: true };
    const intent: EffectCall = { version: 1, ...call };
    await this.#write(intent);
    signal.throwIfAborted();
    this.#calls.set(call.id, intent);
    const done = { ...intent, result: await run() };
    this.#calls.set(call.id, done);
    await this.#write(done);
    return done.result;
  }
}
