import { type Prices, usdFigure } from '../../catalogue/prices.ts';
import type { Turn } from '../../contract/checkpoint.ts';
import { NO_USAGE, tokenFigure, type Usage } from '../../contract/usage.ts';

/** The tokens that a provider counts for a turn. `input` is the whole input, including cache reads and cache writes. */
export type Counted = 'input' | 'cached' | 'written' | 'output' | 'reasoning';

/** What the price of a turn depends on. */
type Priced = { prices: Prices; model: string };

/** The usage and the cost of a turn as they are recorded. */
export type Bill = Pick<Turn, 'usage' | 'cost_usd'>;

/**
 * Gathers the usage of one turn, which a provider may report several times and in several places.
 *
 * A later number replaces an earlier number. Other values change nothing, and 0 does not replace a number: many servers send
 * zeros for unknown counts.
 */
export class Meter {
  readonly #route: Priced;
  readonly #figures = new Map<string, number>();
  #costUsd: number | null = null;

  constructor(route: Priced) {
    this.#route = route;
  }

  /** Records a count. Returns the number for this name so far; `null` before the first count. */
  tell(name: string, sent: unknown): number | null {
    const figure = tokenFigure(sent);
    const known = this.#figures.get(name);
    if (figure !== null && (figure > 0 || known === undefined)) this.#figures.set(name, figure);
    return this.get(name);
  }

  /** The number for this name so far; `null` before the first count. */
  get(name: string): number | null {
    return this.#figures.get(name) ?? null;
  }

  /**
   * Records the cost of the turn that the provider reports, as OpenRouter does, and the charge of `upstream` on top of it. 0
   * is ignored: providers also send it for unknown.
   */
  tellCost(sent: unknown, upstream: unknown): void {
    const figure = usdFigure(sent);
    const sum = figure === null ? null : usdFigure(figure + (usdFigure(upstream) ?? 0));
    if (sum !== null && sum > 0) this.#costUsd = sum;
  }

  /** Tells whether the provider reported any number but zeros. */
  get hasFigures(): boolean {
    return [...this.#figures.values()].some((figure) => figure > 0);
  }

  /**
   * The usage and the cost of a turn with these counts. The cost is the reported cost, else computed from the price. It is
   * `null` unless input and output are both known: every turn has both, so 0 is only a placeholder.
   *
   * Cache reads or writes that exceed the whole input count as the whole input.
   */
  bill(counts: Readonly<Record<Counted, number | null>>): Bill {
    if (!this.hasFigures) return { usage: NO_USAGE, cost_usd: this.#costUsd };
    const input_tokens = counts.input ?? 0;
    const cached_input_tokens = Math.min(counts.cached ?? 0, input_tokens);
    const cache_write_tokens = Math.min(counts.written ?? 0, input_tokens - cached_input_tokens);
    const output_tokens = counts.output ?? 0;
    const usage: Usage = {
      input_tokens,
      cached_input_tokens,
      output_tokens,
      reasoning_tokens: Math.min(counts.reasoning ?? 0, output_tokens),
    };
    const isKnown = input_tokens > 0 && output_tokens > 0;
    const { prices, model } = this.#route;
    const computed = prices.costOf(model, isKnown ? { ...usage, cache_write_tokens } : null);
    return { usage, cost_usd: this.#costUsd ?? computed };
  }
}
