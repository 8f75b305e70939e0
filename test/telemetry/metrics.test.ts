import { expect, test } from 'vitest';
import { Toolsets } from '../../src/agent/toolsets.ts';
import { loadConfig } from '../../src/app/config.ts';
import { knownNames } from '../../src/app/known-names.ts';
import { createCatalogue } from '../../src/catalogue/catalogue.ts';
import { Provider } from '../../src/catalogue/provider.ts';
import type { CleanupStep } from '../../src/contract/cleanup.ts';
import { createMetrics, type Metrics } from '../../src/telemetry/metrics.ts';
import { MAX_SERIES } from '../../src/telemetry/series.ts';

const HOSTILE = [
  'x'.repeat(10_240),
  '__proto__',
  'constructor',
  'a"b',
  'a\nerrand_forged_total 1',
  'a\\b',
  '\u001b[31m',
  '\u202ea',
  '',
];

async function seriesOf({ registry }: Metrics): Promise<string[]> {
  return (await registry.metrics()).split('\n').filter((line) => line !== '' && !line.startsWith('#'));
}

/** Writes to every metric with labels. */
function writeAll(metrics: Metrics, text: string): void {
  const names = { provider: text, model: text };
  metrics.attemptsStarted.inc({ provider: text });
  metrics.attemptsEnded.inc({ provider: text, ended: text, code: text });
  metrics.attemptSeconds.observe({ provider: text, ended: text }, 1);
  metrics.tasksEnded.inc({ provider: text, status: text, code: text });
  for (const counter of [
    metrics.turns,
    metrics.cachedTokens,
    metrics.costUsd,
    metrics.callsOfUnknownCost,
    metrics.unpricedTurns,
  ]) {
    counter.inc(names);
  }
  metrics.tokens.inc({ ...names, kind: text }, 5);
  const step = { kind: text, status: text, evidence: text, actor: text } as unknown as CleanupStep;
  metrics.cleanupSteps.inc(step);
  metrics.laneJobs.replace([{ labels: { provider: text, state: text }, value: 1 }]);
}

const acme = Provider.parse({
  name: 'acme',
  wire: 'chat',
  base_url: 'http://127.0.0.1/v1',
  credential: 'none',
  default_model: 'acme-1',
  prices: { 'acme-2': { input: 1, output: 1 } },
  efforts: { 'acme-3': ['low'], 'acme-x-*': ['low'] },
});

const names = knownNames(
  {
    delegation: { provider: 'acme', model: 'acme-4' },
    model_aliases: { any: { model: 'everywhere' }, other: { provider: 'openai', model: 'not-of-acme' } },
  },
  createCatalogue([...loadConfig({ ERRAND_CONFIG: '/dev/null' }).providers, acme]),
  new Toolsets([]),
);

test('no text from outside is the value of a label, in any metric', async () => {
  const metrics = createMetrics(names);
  writeAll(metrics, 'nothing known');
  const before = (await seriesOf(metrics)).map((line) => line.replace(/ \S+$/, ''));
  expect(before.filter((series) => /="(?!other|\+Inf|[\d.]+")/.test(series.replace('code=""', '')))).toEqual([]);
  for (const text of HOSTILE.filter((name) => name !== '')) writeAll(metrics, text);
  expect((await seriesOf(metrics)).map((line) => line.replace(/ \S+$/, ''))).toEqual(before);
});

test('an empty text is no name', async () => {
  const metrics = createMetrics(names);
  metrics.turns.inc({ provider: '', model: '' });
  expect(await seriesOf(metrics)).toContain('errand_turns_total{provider="other",model="other"} 1');
});

test.each([
  ['acme', 'acme-1', 'acme-1'],
  ['acme', 'acme-2', 'acme-2'],
  ['acme', 'acme-3', 'acme-3'],
  ['acme', 'acme-4', 'acme-4'],
  ['acme', 'everywhere', 'everywhere'],
  ['acme', 'not-of-acme', 'other'],
  ['acme', 'acme-x-*', 'other'],
  ['acme', 'acme-x-1', 'other'],
  ['acme', 'gpt-4.1-mini', 'other'],
  ['openai', 'not-of-acme', 'not-of-acme'],
  ['openai', 'gpt-4.1-mini', 'gpt-4.1-mini'],
  ['openai', 'gpt-4.1-mini-2025-04-14', 'gpt-4.1-mini'],
  ['openai', 'gpt-4.1-mini-2025-04-14-tenant', 'other'],
  ['anthropic', 'claude-opus-4-6-19990101', 'claude-opus-4-6'],
  ['nowhere', 'everywhere', 'other'],
])('counts the model of %s that is called %s as %s', async (provider, model, label) => {
  const metrics = createMetrics(names);
  for (let time = 0; time < 2; time++) metrics.turns.inc({ provider, model });
  const shown = provider === 'nowhere' ? 'other' : provider;
  expect(await seriesOf(metrics)).toContain(`errand_turns_total{provider="${shown}",model="${label}"} 2`);
});

test('dated forms of one model, however many, are one series', async () => {
  const metrics = createMetrics(names);
  for (let day = 0; day < 3_000; day++) {
    metrics.turns.inc({ provider: 'anthropic', model: `claude-opus-4-6-${String(day).padStart(8, '0')}` });
  }
  expect(await seriesOf(metrics)).toContain('errand_turns_total{provider="anthropic",model="claude-opus-4-6"} 3000');
});

test('a metric has a maximum of series, and counts the others together', async () => {
  const metrics = createMetrics({ providers: ['acme'], kinds: [], modelOf: (_, model) => model });
  for (let n = 0; n < 3 * MAX_SERIES; n++) metrics.turns.inc({ provider: 'acme', model: `m${n}` });
  metrics.turns.inc({ provider: 'acme', model: 'm0' });
  const turns = (await seriesOf(metrics)).filter((line) => line.startsWith('errand_turns_total'));
  expect(turns).toHaveLength(MAX_SERIES + 1);
  expect(turns).toContain('errand_turns_total{provider="acme",model="m0"} 2');
  expect(turns.at(-1)).toBe(`errand_turns_total{provider="other",model="other"} ${2 * MAX_SERIES}`);
});

test('a lane that is gone has no series', async () => {
  const metrics = createMetrics(names);
  const lanesOf = async () => (await seriesOf(metrics)).filter((line) => line.startsWith('errand_lane_jobs'));
  const sample = (provider: string, value: number) => ({ labels: { provider, state: 'waiting' }, value });
  metrics.laneJobs.replace([sample('acme', 3), sample('openai', 1), sample('unknown', 1), sample('unheard', 1)]);
  expect(await lanesOf()).toEqual([
    'errand_lane_jobs{provider="acme",state="waiting"} 3',
    'errand_lane_jobs{provider="openai",state="waiting"} 1',
    'errand_lane_jobs{provider="other",state="waiting"} 2',
  ]);
  metrics.laneJobs.replace([sample('acme', 0)]);
  expect(await lanesOf()).toEqual(['errand_lane_jobs{provider="acme",state="waiting"} 0']);
});
