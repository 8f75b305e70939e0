import type { ToolResult } from '../contract/checkpoint.ts';
import type { EffectCall } from '../contract/effect-call.ts';

/** Writes one call down, in the place of what was written of it before; rejects where that is refused. */
export type WriteEffect = (call: EffectCall) => Promise<void>;

/** What a model is told of a call whose end nobody saw. */
const UNKNOWN = 'Outcome unknown: the call was interrupted; it may or may not have happened.';

/**
 * The calls of effect tools of one task: each is begun once, over all attempts.
 *
 * Invariant: nothing runs before it is written down, so a call that is not on record has not happened.
 */
export class EffectJournal {
  readonly #calls: Map<string, EffectCall>;
  readonly #write: WriteEffect;

  constructor(recorded: readonly EffectCall[], write: WriteEffect) {
    this.#calls = new Map(recorded.map((call) => [call.id, call]));
    this.#write = write;
  }

  /** All calls that were begun, by this attempt and by those before it. */
  get calls(): EffectCall[] {
    return [...this.#calls.values()];
  }

  /** Tells whether the call was begun, under whatever class its tool had then. */
  has(id: string): boolean {
    return this.#calls.has(id);
  }

  /**
   * Runs a call unless it is on record. One with a result gets that result; one without, an error that says so.
   * @throws the signal's reason, and what `run` and the writing throw; the call then stays without a result.
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
