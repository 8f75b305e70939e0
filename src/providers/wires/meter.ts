import type { Turn } from '../../contract/checkpoint.ts';
import { NO_USAGE, tokenFigure, type Usage } from '../../contract/usage.ts';
import { costOf, usdFigure } from '../prices.ts';
import type { ProviderProfile } from '../profile.ts';

/** What a provider counts of a turn. `input` is the whole input, what came from its cache and went to it included. */
export type Counted = 'input' | 'cached' | 'written' | 'output' | 'reasoning';

/** What the price of a turn goes by. */
type Priced = { profile: ProviderProfile; model: string };

/** The usage and the cost of a turn as they are recorded. */
export type Bill = Pick<Turn, 'usage' | 'cost_usd'>;

/**
 * Gathers the usage of one turn, which a provider may report several times and in several places.
 *
 * A later figure replaces an earlier one. Anything but a figure changes nothing, and 0 does not replace a figure: many
 * servers send zeros if they know nothing.
 */
export class Meter {
  readonly #route: Priced;
  readonly #figures = new Map<string, number>();
  #costUsd: number | null = null;

  constructor(route: Priced) {
    this.#route = route;
  }

  /** Takes a count in. Returns the figure of that name so far; `null` without one. */
  tell(name: string, sent: unknown): number | null {
    const figure = tokenFigure(sent);
    const known = this.#figures.get(name);
    if (figure !== null && (figure > 0 || known === undefined)) this.#figures.set(name, figure);
    return this.get(name);
  }

  /** The figure of a name so far; `null` without one. */
  get(name: string): number | null {
    return this.#figures.get(name) ?? null;
  }

  /**
   * Takes in what the provider says that the turn costs, as OpenRouter does, and what `upstream` charges beside that. 0
   * says nothing: it also stands for unknown.
   */
  tellCost(sent: unknown, upstream: unknown): void {
    const figure = usdFigure(sent);
    const sum = figure === null ? null : usdFigure(figure + (usdFigure(upstream) ?? 0));
    if (sum !== null && sum > 0) this.#costUsd = sum;
  }

  /** Tells whether the provider told any figure but zeros. */
  get hasFigures(): boolean {
    return [...this.#figures.values()].some((figure) => figure > 0);
  }

  /**
   * The usage and the cost of a turn with these counts. The cost is what the provider says, else by its price. It is
   * `null` unless input and output are both known, because every turn has some of either; then 0 is a placeholder.
   *
   * Input from or to the cache that exceeds the whole input counts as the whole input.
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
    const { profile, model } = this.#route;
    const reckoned = costOf(profile, model, isKnown ? { ...usage, cache_write_tokens } : null);
    return { usage, cost_usd: this.#costUsd ?? reckoned };
  }
}
