import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { loadConfig } from '../../src/app/config.ts';
import { createProducer } from '../../src/entries/producer.ts';
import { createWorker } from '../../src/entries/worker.ts';
import { aFolder } from './run-cli.ts';

const acme = { wire: 'chat', base_url: 'https://llm.example/v1', credential: 'none' };

function timeoutsOf(settings: Record<string, unknown>) {
  const { providers } = loadConfig({ ERRAND_CONFIG: '/dev/null' }, settings);
  return Object.fromEntries(providers.map(({ name, timeouts }) => [name, timeouts]));
}

test('the watchdogs set the timeouts of every provider; its own settings win', () => {
  const timeouts = timeoutsOf({
    watchdogs: { first_token_ms: 1_000, idle_ms: 2_000, turn_ms: 3_000 },
    providers: { acme: { ...acme, timeouts: { idle_ms: 9_000 } } },
  });
  expect(timeouts).toMatchObject({
    openai: { headers_ms: 60_000, first_token_ms: 1_000, idle_ms: 2_000, turn_ms: 3_000 },
    anthropic: { headers_ms: 60_000, first_token_ms: 1_000, idle_ms: 2_000, turn_ms: 3_000 },
    acme: { headers_ms: 60_000, first_token_ms: 1_000, idle_ms: 9_000, turn_ms: 3_000 },
  });
});

test('refuses timeouts that are no section, naming the provider', () => {
  expect(() => timeoutsOf({ providers: { acme: { ...acme, timeouts: 5 } } })).toThrow(/providers\.acme\.timeouts/);
});

test('refuses a delegation to a provider that nobody declared, listing those there are', () => {
  expect(() => loadConfig({ ERRAND_CONFIG: '/dev/null' }, { delegation: { provider: 'nope' } })).toThrow(
    /delegation\.provider: expected one of openai, anthropic\b.*, got "nope"/,
  );
});

test('says that ERRAND_PROVIDERS is no JSON, and repeats nothing of it', () => {
  const text = '{"acme": sk-secret-1234}';
  expect(() => loadConfig({ ERRAND_CONFIG: '/dev/null', ERRAND_PROVIDERS: text })).toThrow(
    /^ERRAND_PROVIDERS is not JSON$/,
  );
});

test('says what the address of Redis should look like, and repeats nothing of it', () => {
  expect(() => loadConfig({ ERRAND_CONFIG: '/dev/null', REDIS_URL: 'localhost' })).toThrow(
    /: REDIS_URL \(redis_url\): expected redis:\/\/host:port or rediss:\/\/host:port$/,
  );
});

test('calls a setting that nobody knows a problem of the configuration', () => {
  expect(() => loadConfig({ ERRAND_CONFIG: '/dev/null' }, { wroker: {} })).toThrow(/: configuration: .*"wroker"/);
});

test('takes a section of which all is commented out for absent', () => {
  const file = join(aFolder({ 'errand.yaml': 'worker:\n  # concurrency: 9\nboard:\n  port: 4000\n' }), 'errand.yaml');
  const { worker, board } = loadConfig({ ERRAND_CONFIG: file });
  expect([worker.concurrency, board.port]).toEqual([50, 4000]);
});

test('takes an ERRAND_CONFIG without a name for unset', () => {
  expect(loadConfig({ ERRAND_CONFIG: '' }).worker.concurrency).toBe(50);
});

test('settings win over the environment, it over the file, and it over defaults [B25]', () => {
  const file = join(
    aFolder({ 'errand.yaml': 'worker: { concurrency: 2, health_port: 1, drain_grace_ms: 0 }' }),
    'errand.yaml',
  );
  const environment = { ERRAND_CONFIG: file, ERRAND_CONCURRENCY: '3', ERRAND_HEALTH_PORT: '4' };
  const { worker } = loadConfig(environment, { worker: { health_port: 5 } });
  expect(worker).toMatchObject({ drain_grace_ms: 0, concurrency: 3, health_port: 5, lock_duration_ms: 60_000 });
});

test.each(['0', 'many', '-1', '1e9'])('a concurrency of %s is refused by name, and not replaced [B24]', (value) => {
  expect(() => loadConfig({ ERRAND_CONFIG: '/dev/null', ERRAND_CONCURRENCY: value })).toThrow(
    expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringContaining('ERRAND_CONCURRENCY') }),
  );
});

test('an unknown reasoning effort is refused by name, and not replaced [B78]', () => {
  expect(() => loadConfig({ ERRAND_CONFIG: '/dev/null' }, { delegation: { reasoning_effort: 'turbo' } })).toThrow(
    /delegation\.reasoning_effort: .*medium.*, got "turbo"/,
  );
});

test.each([
  [{ workspace: { max_entries: 0 } }, 'workspace.max_entries'],
  [{ workspace: { max_entries: 100_001 } }, 'workspace.max_entries'],
  [{ workspace: { max_depth: 201 } }, 'workspace.max_depth'],
  [{ workspace: { max_bytes: 1.5 } }, 'workspace.max_bytes'],
  [{ workspace: { max_files: 5 } }, 'max_files'],
  [{ budget: { tool_calls_per_turn: 0 } }, 'budget.tool_calls_per_turn'],
  [{ budget: { tool_calls_per_turn: 129 } }, 'budget.tool_calls_per_turn'],
])('refuses %j by name', (settings, name) => {
  expect(() => loadConfig({ ERRAND_CONFIG: '/dev/null' }, settings)).toThrow(name);
});

test('a workspace has 10,000 entries, depth 32, 1 GiB, and a turn 128 tool calls', () => {
  const { workspace, budget } = loadConfig({ ERRAND_CONFIG: '/dev/null' });
  expect(workspace).toEqual({ max_entries: 10_000, max_depth: 32, max_bytes: 1_073_741_824 });
  expect(budget.tool_calls_per_turn).toBe(128);
  const { workspace: smaller } = loadConfig({ ERRAND_CONFIG: '/dev/null' }, { workspace: { max_entries: 5 } });
  expect(smaller).toMatchObject({ max_entries: 5, max_depth: 32 });
});

test.each([{ wire: 'bedrock' }, { wire: undefined }])(
  'no wire is guessed: a provider with %j is refused [B69]',
  (over) => {
    expect(() => timeoutsOf({ providers: { acme: { ...acme, ...over } } })).toThrow(/providers\.acme\.wire/);
  },
);

test('a producer keeps the configuration that it was opened with [B26] [B27]', async () => {
  const config = join(aFolder({ 'errand.yaml': 'delegation: { provider: openai }' }), 'errand.yaml');
  const opened = () => createProducer({ config, redis: 'redis://127.0.0.1:6379' });
  const routeOf = async (producer: ReturnType<typeof opened>) => {
    onTestFinished(() => producer.close());
    return (await producer.plan({ tasks: [{ goal: 'a' }] })).tasks[0]?.data.route.provider;
  };
  const before = opened();
  writeFileSync(config, 'delegation: { provider: anthropic }');
  expect([await routeOf(before), await routeOf(opened())]).toEqual(['openai', 'anthropic']);
});

const NAMES: [string, string, string][] = [
  ['worker', 'name', 'ERRAND_WORKER_NAME'],
  ['worker', 'seat', 'ERRAND_WORKER_SEAT'],
  ['board', 'operator', 'ERRAND_BOARD_OPERATOR'],
];
const UNFIT = [
  '\u0000',
  'a\nb',
  '\u001b[31mred',
  'a\u202eb',
  'a\u2028b',
  '\ud800',
  ' ',
  ' a',
  'a\u00a0',
  'a'.repeat(254),
];

test.each(NAMES)(
  '%s.%s that is empty, long or not printable is refused by name, not repeated',
  async (section, field, variable) => {
    const rule = 'expected 1 to 253 printable characters without a space at either end';
    for (const text of ['', ...UNFIT, 'x'.repeat(100_000)]) {
      const settings = { [section]: { [field]: text } };
      const message = `invalid configuration: ${section}.${field}: ${rule}`;
      const refusal = { code: 'CONFIG_INVALID', message };
      expect(() => loadConfig({ ERRAND_CONFIG: '/dev/null' }, settings)).toThrow(expect.objectContaining(refusal));
      if (text.isWellFormed())
        await expect(
          createWorker({ redis: 'redis://127.0.0.1:1', config: '/dev/null', settings }),
        ).rejects.toMatchObject(refusal);
    }
    for (const text of UNFIT) {
      const message = `invalid configuration: ${variable} (${section}.${field}): ${rule}`;
      const load = () => loadConfig({ ERRAND_CONFIG: '/dev/null', [variable]: text });
      expect(load).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID', message }));
    }
  },
);

test.each(NAMES)('%s.%s takes a host name, a container name and words of other scripts', (section, field) => {
  const fit = ['w', 'node-7.rack_2.example', 'pod/worker', 'Jörg Müller', '作業者 1', 'a'.repeat(253)];
  for (const text of fit) {
    const config = loadConfig({ ERRAND_CONFIG: '/dev/null' }, { [section]: { [field]: text } });
    expect(config).toMatchObject({ [section]: { [field]: text } });
  }
});

test('board.operator with a colon is refused, because no login can have it', () => {
  expect(() => loadConfig({ ERRAND_CONFIG: '/dev/null', ERRAND_BOARD_OPERATOR: 'a:b' })).toThrow(
    'ERRAND_BOARD_OPERATOR (board.operator): expected a name without a colon',
  );
});
