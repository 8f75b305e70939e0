import { Secret } from '../../src/base/secret.ts';
import { Provider } from '../../src/catalogue/provider.ts';

/** The key that every endpoint but the keyless one must get. */
export const KEY = new Secret('sk-check-aimock-0123456789');

/** The paths of aimock that Errand speaks to, each with a model that aimock takes for one that reasons. */
const PATHS = {
  chat: { model: 'gpt-5', path: '/v1', settings: { wire: 'chat' } },
  responses: { model: 'gpt-5', path: '/v1', settings: { wire: 'responses' } },
  anthropic: { model: 'claude-opus-4-5', path: '', settings: { wire: 'messages', key_header: 'x-api-key' } },
  azure: { model: 'gpt-5', path: '/openai/deployments/gpt-5', settings: { wire: 'chat', key_header: 'api-key' } },
  'azure-v1': { model: 'gpt-5', path: '/openai/v1', settings: { wire: 'responses', key_header: 'api-key' } },
  openrouter: { model: 'openai/gpt-5', path: '/api/v1', settings: { wire: 'chat' } },
  ollama: {
    model: 'deepseek-r1:8b',
    path: '/v1',
    settings: { wire: 'chat', credential: 'none', max_tokens_field: 'max_tokens' },
  },
} as const;

/** The name of an endpoint in the matrix, and of its provider. */
export type EndpointName = keyof typeof PATHS;

/** Every endpoint, in the order of the matrix. */
export const ENDPOINTS: readonly EndpointName[] = [
  'chat',
  'responses',
  'anthropic',
  'azure',
  'azure-v1',
  'openrouter',
  'ollama',
];

/** The model that an endpoint is asked for. */
export function modelOf(endpoint: EndpointName): string {
  return PATHS[endpoint].model;
}

/** How a deployment would declare the endpoint of an aimock at `url`. */
export function settingsOf(endpoint: EndpointName, url: string): Record<string, unknown> {
  const { path, settings, model } = PATHS[endpoint];
  const common = { base_url: `${url}${path}`, credential: 'env:CHECK_KEY', default_model: model };
  return { ...common, efforts: { '*': ['low'] }, ...settings };
}

/** The provider of an endpoint, with the settings of one case over its own. */
export function providerOf(endpoint: EndpointName, url: string, more: object): Provider {
  return Provider.parse({ name: endpoint, ...settingsOf(endpoint, url), ...more });
}
