import type { Log } from '../src/telemetry/log.ts';

/** A visitor who tries to log in. `browser`: the id of a browser that has logged in before, or `null`. */
export type Visitor = { address: string; isLocal: boolean; browser: string | null };

/** The maximum number of wrong logins in any minute: from one address or browser, and from all together. */
const MAX_WRONG = 5;
const MAX_WRONG_TOGETHER = 50;
const WINDOW_MS = 60_000;

/**
 * The wrong logins of the last minute. They are counted for each address, and all together, so that an attack from many
 * addresses is limited too. A browser that has logged in before has its own count. Known browsers and this host are not
 * in the common count, so that an attacker cannot lock the operator out.
 *
 * Keeps at most {@link MAX_WRONG_TOGETHER} addresses, because a refused login is not stored.
 */
export class WrongLogins {
  readonly #log: Log;
  readonly #nowMs: () => number;
  readonly #counts = new Map<string, Count>();
  readonly #together: Count;

  constructor(log: Log, nowMs: () => number) {
    this.#log = log;
    this.#nowMs = nowMs;
    this.#together = new Count(MAX_WRONG_TOGETHER, nowMs);
  }

  /** Addresses and browsers with a wrong login in the last minute. */
  get size(): number {
    this.#forget();
    return this.#counts.size;
  }

  /**
   * Returns how long this visitor must wait before its next login is checked; 0 if it need not wait. Logs a refusal.
   */
  waitMs(visitor: Visitor): number {
    const own = this.#counts.get(keyOf(visitor));
    const ownMs = own?.waitMs() ?? 0;
    if (own && ownMs > 0) {
      const refused = own.refuse();
      if (refused)
        this.#log.warn({ address: visitor.address, refused }, `login refused: ${MAX_WRONG} wrong in a minute`);
      return ownMs;
    }
    const togetherMs = isExempt(visitor) ? 0 : this.#together.waitMs();
    const refused = togetherMs > 0 && this.#together.refuse();
    if (refused)
      this.#log.warn({ refused }, `login refused: ${MAX_WRONG_TOGETHER} wrong in a minute from all addresses`);
    return togetherMs;
  }

  /** Counts and logs a wrong login. */
  add(visitor: Visitor): void {
    this.#forget();
    const key = keyOf(visitor);
    const own = this.#counts.get(key) ?? new Count(MAX_WRONG, this.#nowMs);
    this.#counts.set(key, own);
    own.add();
    if (!isExempt(visitor)) this.#together.add();
    this.#log.warn({ address: visitor.address, wrong: own.size }, 'wrong login');
  }

  #forget(): void {
    for (const [key, count] of this.#counts) if (count.size === 0) this.#counts.delete(key);
  }
}

function keyOf({ address, browser }: Visitor): string {
  return browser === null ? address : `browser ${browser}`;
}

function isExempt({ isLocal, browser }: Visitor): boolean {
  return isLocal || browser !== null;
}

/** The times of the last wrong logins, so that no period of a minute has more than `max`. */
class Count {
  readonly #max: number;
  readonly #nowMs: () => number;
  #times: number[] = [];
  #refused = { count: 0, sinceMs: 0 };

  constructor(max: number, nowMs: () => number) {
    this.#max = max;
    this.#nowMs = nowMs;
  }

  /** Wrong logins in the last minute. */
  get size(): number {
    const sinceMs = this.#nowMs() - WINDOW_MS;
    this.#times = this.#times.filter((timeMs) => timeMs > sinceMs);
    return this.#times.length;
  }

  add(): void {
    this.#times.push(this.#nowMs());
  }

  waitMs(): number {
    if (this.size < this.#max) return 0;
    return (this.#times.at(-this.#max) ?? 0) + WINDOW_MS - this.#nowMs();
  }

  /**
   * Counts a refusal. Returns the refusals of this minute if they are 1, 10, 100 and so on, so that a flood logs few
   * lines.
   */
  refuse(): number | null {
    if (this.#nowMs() - this.#refused.sinceMs >= WINDOW_MS) this.#refused = { count: 0, sinceMs: this.#nowMs() };
    const count = ++this.#refused.count;
    return Number.isInteger(Math.log10(count)) ? count : null;
  }
}
