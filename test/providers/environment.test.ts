import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Secret } from '../../src/base/secret.ts';
import { Connections } from '../../src/providers/connections.ts';
import { createProviderFetch } from '../../src/providers/fetch.ts';
import { ask, KEY, modelOf, providerAt, sendEvents, serve, WIRES } from './models.ts';

type Visit = { path: string; headers: Record<string, unknown> };

const PROXIES = ['HTTP_PROXY', 'HTTPS_PROXY', 'ALL_PROXY'];

const visitsOfTrap: Visit[] = [];
const visitsOfProvider: Visit[] = [];
let trap: Awaited<ReturnType<typeof serve>>;
let provider: Awaited<ReturnType<typeof serve>>;

beforeEach(async () => {
  trap = await serve((req, res) => {
    visitsOfTrap.push({ path: req.url ?? '', headers: req.headers });
    res.writeHead(500).end();
  });
  provider = await serve((req, res) => {
    visitsOfProvider.push({ path: req.url ?? '', headers: req.headers });
    sendEvents(res, []);
  });
  const variables: Record<string, string> = {
    ...Object.fromEntries(PROXIES.flatMap((name) => [name, name.toLowerCase()]).map((name) => [name, trap.url])),
    NODE_USE_ENV_PROXY: '1',
    OPENAI_API_KEY: 'trap-openai-key',
    OPENAI_ADMIN_KEY: 'trap-admin-key',
    OPENAI_BASE_URL: trap.url,
    OPENAI_ORG_ID: 'trap-organization',
    OPENAI_PROJECT_ID: 'trap-project',
    OPENAI_WEBHOOK_SECRET: 'trap-webhook',
    OPENAI_LOG: 'debug',
    OPENAI_CUSTOM_HEADERS: 'x-trap: trap-header\nAuthorization: Bearer trap-token\nUser-Agent: trap-agent',
    ANTHROPIC_API_KEY: 'trap-anthropic-key',
    ANTHROPIC_AUTH_TOKEN: 'trap-token',
    ANTHROPIC_BASE_URL: trap.url,
    ANTHROPIC_WEBHOOK_SIGNING_KEY: 'trap-webhook',
    ANTHROPIC_PROFILE: 'trap-provider',
    ANTHROPIC_CONFIG_DIR: '/nonexistent/trap',
    ANTHROPIC_LOG: 'debug',
    ANTHROPIC_CUSTOM_HEADERS: 'x-trap: trap-header\nanthropic-version: trap-version\nX-Api-Key: trap-key',
    ANTHROPIC_FEDERATION_RULE_ID: 'trap-rule',
    ANTHROPIC_ORGANIZATION_ID: 'trap-organization',
    ANTHROPIC_IDENTITY_TOKEN: 'trap-identity',
  };
  for (const [name, value] of Object.entries(variables)) vi.stubEnv(name, value);
});

afterEach(async () => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
  visitsOfTrap.length = 0;
  visitsOfProvider.length = 0;
  await Promise.all([trap.close(), provider.close()]);
});

test.each(WIRES)('nothing in the environment reaches a request of the %s wire or the console', async (wire) => {
  const printed = (['log', 'info', 'warn', 'error', 'debug'] as const).map((level) => vi.spyOn(console, level));
  const { model } = modelOf(providerAt(wire, provider.url));
  await expect(model.turn(ask(), new AbortController().signal)).rejects.toMatchObject({
    code: 'PROVIDER_STREAM_CUT',
  });
  expect(visitsOfTrap).toEqual([]);
  expect(visitsOfProvider).toHaveLength(1);
  expect(JSON.stringify(visitsOfProvider)).not.toContain('trap');
  expect(visitsOfProvider[0]?.headers).toMatchObject({ authorization: `Bearer ${KEY}`, 'user-agent': 'errand' });
  expect(printed.flatMap((spy) => spy.mock.calls)).toEqual([]);
});

test("a request to an origin other than the provider's is not made [B67] [B71]", async () => {
  const fetch = createProviderFetch(
    providerAt('chat', provider.url),
    { id: 'env:K', secret: new Secret(KEY) },
    new Connections(),
  );
  await expect(fetch(`${trap.url}/v1/models`)).rejects.toMatchObject({ code: 'INTERNAL' });
  expect(visitsOfTrap).toEqual([]);
});
