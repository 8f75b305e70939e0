import { expect, test } from 'vitest';
import { Prices } from '../../src/catalogue/prices.ts';
import { Provider } from '../../src/catalogue/provider.ts';

const USAGE = {
  input_tokens: 100_000,
  cached_input_tokens: 40_000,
  cache_write_tokens: 0,
  output_tokens: 10_000,
  reasoning_tokens: 2_000,
};

function provider(base_url: string, prices: Record<string, unknown> = {}): Provider {
  return Provider.parse({ name: 'acme', wire: 'chat', base_url, credential: 'none', prices });
}

const openai = provider('https://api.openai.com/v1');
const anthropic = provider('https://api.anthropic.com');

test('reckons by the price library, with cached input at its own price', () => {
  expect(new Prices(openai).costOf('gpt-4.1-mini', USAGE)).toBeCloseTo(0.06 * 0.4 + 0.04 * 0.1 + 0.01 * 1.6, 10);
  expect(new Prices(anthropic).costOf('claude-opus-5-5', { ...USAGE, cache_write_tokens: 20_000 })).toBeCloseTo(
    0.04 * 4 + 0.04 * 0.2 + 0.02 * 5 + 0.01 * 20,
    10,
  );
});

test.each(['gpt-4.1-mini-2025-04-14', 'gpt-5.6-sol-2026-09-01', 'gpt-5.6', 'o3'])('knows %s by name', (model) => {
  expect(new Prices(openai).costOf(model, USAGE)).toBeGreaterThan(0);
});

test.each(['claude-sonnet-4-5-20250929', 'claude-opus-4-6', 'claude-3-7-sonnet-latest'])(
  'takes %s for a form of a record it matches by prefix',
  (model) => {
    expect(new Prices(anthropic).costOf(model, USAGE)).toBeGreaterThan(0);
  },
);

test('does not give a new model the price of the one its name begins with', () => {
  expect(new Prices(anthropic).costOf('claude-sonnet-5', USAGE)).toBeGreaterThan(0);
  expect(new Prices(anthropic).costOf('claude-sonnet-5-5', USAGE)).toBeNull();
  expect(new Prices(anthropic).costOf('claude-opus-4-6-turbo', USAGE)).toBeNull();
});

test('an unknown model, endpoint or usage has no cost, which is not 0', () => {
  expect(new Prices(openai).costOf('gpt-99', USAGE)).toBeNull();
  expect(new Prices(provider('http://127.0.0.1:11434/v1')).costOf('gpt-4.1-mini', USAGE)).toBeNull();
  expect(new Prices(openai).costOf('gpt-4.1-mini', null)).toBeNull();
});

test('an endpoint whose host only begins like a known one is unknown [B70]', () => {
  expect(new Prices(provider('https://api.openai.com.evil.example/v1')).costOf('gpt-4.1-mini', USAGE)).toBeNull();
  expect(new Prices(provider('https://api.anthropic.company')).costOf('claude-opus-5-5', USAGE)).toBeNull();
  expect(new Prices(provider('https://api.openai.com:443/v1')).costOf('gpt-4.1-mini', USAGE)).toBeGreaterThan(0);
});

test('usage that the library finds odd has no cost, and no error either', () => {
  expect(new Prices(openai).costOf('gpt-4.1-mini', { ...USAGE, cached_input_tokens: 200_000 })).toBeNull();
});

test('the maximum cost of a call takes all input as written to the cache if dearer', () => {
  const tokens = { inputTokens: 100_000, outputTokens: 10_000 };
  expect(new Prices(anthropic).maxCostOf('claude-opus-5-5', tokens)).toBeCloseTo(0.1 * 5 + 0.01 * 20, 10);
  expect(new Prices(openai).maxCostOf('gpt-4.1-mini', tokens)).toBeCloseTo(0.1 * 0.4 + 0.01 * 1.6, 10);
  expect(new Prices(openai).maxCostOf('gpt-99', tokens)).toBeNull();
});

test("the provider's own price wins over the library, by the exact name", () => {
  const own = provider('https://api.openai.com/v1', { 'gpt-4.1-mini': { input: 10, output: 100 } });
  expect(new Prices(own).costOf('gpt-4.1-mini', USAGE)).toBeCloseTo(0.1 * 10 + 0.01 * 100, 10);
  expect(new Prices(own).costOf('gpt-4.1-mini-2025-04-14', USAGE)).toBeLessThan(1);
  const cached = provider('http://127.0.0.1:1/v1', { m: { input: 10, cached_input: 1, output: 0 } });
  expect(new Prices(cached).costOf('m', USAGE)).toBeCloseTo(0.06 * 10 + 0.04 * 1, 10);
});
