import {
  calcPrice,
  findProvider,
  type Usage as LibraryUsage,
  type MatchLogic,
  type Provider as PricedProvider,
} from '@pydantic/genai-prices';
import { type Cost, NO_USAGE, type Usage } from '../contract/usage.ts';
import type { Provider } from './provider.ts';

/** Usage as a provider bills it: tokens written to its cache are part of `input_tokens` and have a separate price. */
export type BilledUsage = Usage & { cache_write_tokens: number };

const TOKENS_PER_PRICE = 1_000_000;

/** More US dollars than any turn costs. */
const MAX_TURN_USD = 1_000_000;

/**
 * Reads an amount of US dollars for one turn. Returns `null`, which means unknown and never 0, for an amount that no
 * turn costs.
 */
export function usdFigure(sent: unknown): number | null {
  return typeof sent === 'number' && sent >= 0 && sent <= MAX_TURN_USD ? sent : null;
}

/** Tells whether the rule names this very model. A prefix does not: it would give a new model its ancestor's price. */
function isNamed(rule: MatchLogic, model: string): boolean {
  if ('or' in rule) return rule.or.some((part) => isNamed(part, model));
  if ('and' in rule) return rule.and.every((part) => isNamed(part, model));
  if ('equals' in rule) return rule.equals === model;
  return 'regex' in rule && new RegExp(rule.regex).test(model);
}

/** Tells whether `model` is `id` itself, a dated snapshot of it, or its `-latest` alias. */
function isFormOf(id: string, model: string): boolean {
  return model.startsWith(id) && /^(-\d{8}|-\d{4}-\d{2}-\d{2}|-latest)?$/.test(model.slice(id.length));
}

/**
 * Finds the provider of an address. A pattern of the library may end inside a host name, so a partial match does not
 * count.
 */
function pricedProviderAt(baseUrl: string): PricedProvider | undefined {
  const found = findProvider({ providerApiUrl: baseUrl });
  const matched = found && new RegExp(found.api_pattern).exec(baseUrl);
  const after = matched ? baseUrl[matched.index + matched[0].length] : 'none';
  return matched?.[0].endsWith('/') || after === undefined || '/:'.includes(after) ? found : undefined;
}

function declaredCost(price: NonNullable<Provider['prices'][string]>, usage: BilledUsage): number {
  const uncached = usage.input_tokens - usage.cached_input_tokens;
  const cachedPrice = price.cached_input ?? price.input;
  return (
    (uncached * price.input + usage.cached_input_tokens * cachedPrice + usage.output_tokens * price.output) /
    TOKENS_PER_PRICE
  );
}

/**
 * Returns `null` if the library throws, as it does for unusual usage: a paid turn must not fail because of its price.
 */
function priceOf(reckon: () => ReturnType<typeof calcPrice>): ReturnType<typeof calcPrice> {
  try {
    return reckon();
  } catch {
    return null;
  }
}

/**
 * The prices of one provider. A search in the price library tries sixty patterns, so {@link PriceBook} keeps the
 * result.
 */
export class Prices {
  readonly #provider: Provider;
  #library: { found: PricedProvider | undefined } | undefined;

  constructor(provider: Provider) {
    this.#provider = provider;
  }

  /**
   * Returns the cost of a turn in US dollars: by the provider's own price of the model, else by the price library, else
   * `null`.
   *
   * The library finds its provider by the endpoint and also matches models by prefix (`claude-sonnet-5-5` as
   * `claude-sonnet-5`); its answer counts only if it names the model, or if the model is a dated or `-latest` form of
   * the record. `usage` is `null` if the provider reported none.
   */
  costOf(model: string, usage: BilledUsage | null): Cost {
    if (usage === null) return null;
    const { prices } = this.#provider;
    const declared = Object.hasOwn(prices, model) ? prices[model] : undefined;
    if (declared) return usdFigure(declaredCost(declared, usage));
    const tokens = {
      input_tokens: usage.input_tokens,
      cache_read_tokens: usage.cached_input_tokens,
      cache_write_tokens: usage.cache_write_tokens,
      output_tokens: usage.output_tokens,
    };
    const priced = this.#pricedAt(model, tokens);
    return priced ? usdFigure(priced.total_price) : null;
  }

  /**
   * Returns the maximum cost of a call with so many tokens in US dollars: no input comes from the cache, and all input
   * may be written to the cache, which costs more at some providers. `null` if the price is unknown.
   */
  maxCostOf(model: string, { inputTokens, outputTokens }: { inputTokens: number; outputTokens: number }): Cost {
    const usage = { ...NO_USAGE, input_tokens: inputTokens, output_tokens: outputTokens };
    const plain = this.costOf(model, { ...usage, cache_write_tokens: 0 });
    const written = this.costOf(model, { ...usage, cache_write_tokens: inputTokens });
    return plain === null || written === null ? null : Math.max(plain, written);
  }

  /**
   * Returns the name of a model in the price library, which is the same for all its forms: `claude-opus-4-6` for
   * `claude-opus-4-6-20260205`. `undefined` if the library does not name the model.
   */
  nameInLibrary(model: string): string | undefined {
    return this.#pricedAt(model, { input_tokens: 0, output_tokens: 0 })?.model.id;
  }

  /** Returns the price of these tokens in the price library; `null` if it does not name the model. */
  #pricedAt(model: string, tokens: LibraryUsage): ReturnType<typeof calcPrice> {
    this.#library ??= { found: pricedProviderAt(this.#provider.base_url) };
    const provider = this.#library.found;
    const priced = provider && priceOf(() => calcPrice(tokens, model, { provider }));
    if (!priced) return null;
    return isNamed(priced.model.match, model) || isFormOf(priced.model.id, model) ? priced : null;
  }
}

/** The prices of the providers of a process, each found once in the price library. */
export class PriceBook {
  readonly #prices = new WeakMap<Provider, Prices>();

  /** Returns the prices of a provider. */
  of(provider: Provider): Prices {
    const known = this.#prices.get(provider);
    if (known) return known;
    const made = new Prices(provider);
    this.#prices.set(provider, made);
    return made;
  }
}
