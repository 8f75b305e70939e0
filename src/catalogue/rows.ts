import type { DeclaredProvider } from './provider.ts';

/**
 * The providers that every deployment has, by name. To add a provider, add a row: its fields are those of a provider in
 * the configuration. `npm run docs:generate` then writes it into the docs.
 *
 * The default models are those that the SDKs name as current (openai 7.57.0, @anthropic-ai/sdk 1.12.0). The price
 * library knows them by name, so that a first run reports its cost.
 */
export const BUILT_IN_PROVIDERS: Readonly<Record<string, DeclaredProvider>> = {
  openai: {
    wire: 'responses',
    base_url: 'https://api.openai.com/v1',
    credential: 'env:OPENAI_API_KEY',
    default_model: 'gpt-5.6-sol',
    prompt_cache: true,
    aliases: ['openai-api'],
  },
  anthropic: {
    wire: 'messages',
    base_url: 'https://api.anthropic.com',
    credential: 'env:ANTHROPIC_API_KEY',
    default_model: 'claude-opus-5-5',
    aliases: ['claude'],
  },
};
