import { expect, test } from 'vitest';
import { loadConfig } from '../../src/app/config.ts';
import { type Catalogue, createCatalogue } from '../../src/catalogue/catalogue.ts';
import { Prices } from '../../src/catalogue/prices.ts';
import { Provider } from '../../src/catalogue/provider.ts';
import { BUILT_IN_PROVIDERS } from '../../src/catalogue/rows.ts';
import { providerAt } from '../providers/models.ts';

/** The catalogue of a deployment that declares these providers. */
function catalogueOf(providers: Record<string, object> = {}): Catalogue {
  return createCatalogue(loadConfig({ ERRAND_CONFIG: '/dev/null' }, { providers }).providers);
}

test('has every built-in provider, openai and anthropic among them', () => {
  const catalogue = catalogueOf();
  expect(catalogue.names()).toEqual(Object.keys(BUILT_IN_PROVIDERS).toSorted());
  expect(catalogue.get('openai')).toMatchObject({ wire: 'responses', credential: 'env:OPENAI_API_KEY' });
  expect(catalogue.get('anthropic')).toMatchObject({ wire: 'messages', base_url: 'https://api.anthropic.com' });
});

test('has default models whose cost is known', () => {
  const usage = {
    input_tokens: 9,
    cached_input_tokens: 0,
    cache_write_tokens: 0,
    output_tokens: 9,
    reasoning_tokens: 0,
  };
  const catalogue = catalogueOf();
  for (const provider of Object.values(catalogue.providers)) {
    if (provider.default_model === undefined) continue;
    expect(new Prices(provider).costOf(provider.default_model, usage)).toBeGreaterThan(0);
  }
});

test('replaces a built-in provider whole, keeping none of its fields', () => {
  const declared = { wire: 'chat', base_url: 'https://gateway.example/v1', credential: 'env:GATEWAY_KEY' };
  const catalogue = catalogueOf({ openai: declared });
  expect(catalogue.get('openai')).toEqual(Provider.parse({ name: 'openai', ...declared }));
  expect(catalogue.get('openai').default_model).toBeUndefined();
  expect(catalogue.providers).toMatchObject({
    openai: { aliases: [], wire: 'chat', effort_policy: 'clamp', efforts: {} },
    anthropic: { default_model: 'claude-opus-5-5', wire: 'messages' },
  });
});

test('refuses an unknown provider, listing the known ones', () => {
  const { get } = createCatalogue(['other', 'acme'].map((name) => providerAt('chat', 'https://llm.example', { name })));
  expect(() => get('gopher')).toThrow('unknown provider "gopher"; known: acme, other');
});

test('hands out a provider that cannot be changed', () => {
  const provider = createCatalogue([providerAt('chat', 'https://llm.example')]).get('acme');
  expect(Object.isFrozen(provider) && Object.isFrozen(provider.timeouts) && Object.isFrozen(provider.efforts)).toBe(
    true,
  );
});

test.each([
  ['chat', 'https://user:secret@llm.example/v1', 'without login'],
  ['chat', 'https://llm.example/v1?key=1', 'without login, query'],
  ['responses', 'https://llm.example/v1#top', 'query and fragment'],
  ['messages', 'https://llm.example/v1/', 'without /v1'],
] as const)('refuses for the wire %s the address %s', (wire, base_url, message) => {
  expect(() => providerAt(wire, 'https://llm.example', { base_url })).toThrow(message);
});
