import { stripVTControlCharacters } from 'node:util';
import { expect, test } from 'vitest';
import { answerTexts, outcomeTable } from '../../../src/app/screen/outcome-table.ts';
import { textWidth } from '../../../src/app/screen/table.ts';
import type { CleanupStep } from '../../../src/contract/cleanup.ts';
import { costText } from '../../../src/contract/cost-text.ts';
import { Outcome } from '../../../src/contract/outcome.ts';

const at = '2026-11-22T10:00:00.000Z';
const requested = { provider: 'anthropic', reasoning_effort: 'minimal' };
const route = {
  ...requested,
  model: 'claude-opus-5-5',
  requested,
  chosen_by: { provider: 'task', model: 'provider', reasoning_effort: 'task' },
  effective: {
    provider: 'anthropic',
    model: 'claude-opus-5-5',
    reasoning_effort: 'low',
    effort_treatment: 'clamped',
    endpoint_host: 'api.anthropic.com',
    wire: 'messages',
    credential_id: 'env:ANTHROPIC_API_KEY',
  },
};

function step(kind: CleanupStep['kind'], status: CleanupStep['status'] = 'released'): CleanupStep {
  const evidence = status === 'released' ? 'verified' : 'unknown';
  return { row: kind, kind, ref: kind, status, evidence, actor: 'owner', detail: '', duration_ms: 1, released_at: at };
}

function failure(code: string, more: object = {}): object {
  return { version: 1, code, origin: 'provider', message: 'it broke', remedy: 'Mend it.', causes: [], ...more };
}

function outcome(fields: object): Outcome {
  const usage = { input_tokens: 100, cached_input_tokens: 0, output_tokens: 20, reasoning_tokens: 0 };
  return Outcome.parse({
    version: 1,
    batch_id: 'b',
    task_id: 'b-0',
    index: 0,
    route,
    attempts: [],
    turns: 1,
    tool_calls: 0,
    usage,
    cost_usd: null,
    calls_possibly_paid_twice: 0,
    duration_ms: 5,
    ended_at: at,
    cleanup: { version: 1, steps: [step('client'), step('credential_lease')], open: 0 },
    ...(!('status' in fields) && { status: 'succeeded', answer: { text: 'hi', files: [] } }),
    ...fields,
  });
}

function show(outcomes: Outcome[], width = 200): string {
  return stripVTControlCharacters(outcomeTable(outcomes, ['Say hi\nto all'], width));
}

test('shows the route, a clamped effort, and an unknown cost', () => {
  const shown = show([outcome({})]);
  expect(shown).toMatch(/#0 Say hi to all +anthropic\/claude-opus-5-5 +minimal → low +succeeded +1 +120 +unknown$/m);
  expect(shown).toContain('clamped');
});

test('says why a task took several attempts', () => {
  const deferred = {
    worker: 'w',
    turns_before: 0,
    started_at: at,
    ended: 'deferred',
    failure: failure('PROVIDER_RATE_LIMITED', { http_status: 429 }),
  };
  const attempts = [
    { epoch: 2, ...deferred, times: 2, first_started_at: '2026-11-22T09:00:00.000Z' },
    { epoch: 3, worker: 'w', turns_before: 0, started_at: at },
    { epoch: 4, worker: 'w', turns_before: 0, started_at: at, ended: 'succeeded' },
  ];
  expect(show([outcome({ attempts })])).toMatch(/unknown +4: deferred 429 ×2, lost$/m);
});

test('shows failures below the table, with the remedy and open resources', () => {
  const cleanup = { version: 1, steps: [step('client'), step('workspace', 'open')], open: 1 };
  const failed = outcome({ status: 'failed', failure: failure('PROVIDER_FAILED'), cleanup });
  expect(show([failed])).toContain(
    '\n\n#0 failed, PROVIDER_FAILED: it broke\n   what to do: Mend it.\n   #0 cleaned up: client; 1 STILL OPEN: workspace',
  );
  expect(show([failed])).toMatch(/ cleaned up\n/);
});

test('a task that made no model call shows the requested route', () => {
  const rejected = outcome({
    status: 'rejected',
    failure: failure('BATCH_REJECTED'),
    route: { ...route, effective: null },
    cleanup: { version: 1, steps: [], open: 0 },
  });
  expect(show([rejected])).toMatch(/anthropic: no model call .*rejected /m);
});

test('splits into two tables on a narrow terminal, without losing a column', () => {
  const tables = show([outcome({})], 80)
    .split('\n\n')
    .slice(0, 2);
  expect(tables.map((text) => text.split('\n')[0]?.split(/ {2,}/))).toEqual([
    ['task', 'route', 'effort'],
    ['#', 'status', 'turns', 'tokens', 'cost'],
  ]);
  for (const line of tables.join('\n').split('\n')) expect(textWidth(line)).toBeLessThanOrEqual(80);
});

test('shows equal failures once, with one remedy', () => {
  const failed = [0, 1, 2].map((index) => outcome({ index, status: 'failed', failure: failure('PROVIDER_FAILED') }));
  const other = outcome({ index: 3, status: 'failed', failure: failure('PROVIDER_FAILED', { message: 'it fell' }) });
  expect(show([...failed, other])).toContain(
    '\n\n#0, #1, #2 failed, PROVIDER_FAILED: it broke\n#3 failed, PROVIDER_FAILED: it fell\n   what to do: Mend it.',
  );
});

test('shows a requested route that is not the beginning of the taken one', () => {
  expect(show([outcome({ route: { ...route, requested: { model: 'opus' } } })])).toContain(
    'opus → anthropic/claude-opus-5-5',
  );
});

test('shows the answers with their files, without what a terminal would obey', () => {
  const files = [{ path: 'notes.md', bytes: 12 }];
  const answered = outcome({ status: 'succeeded', answer: { text: 'one\u001b[2J\ntwo\n', files } });
  const failed = outcome({ index: 1, status: 'failed', failure: failure('PROVIDER_FAILED') });
  expect(answerTexts([answered, failed], ['Count']).map(stripVTControlCharacters)).toEqual([
    '#0 Count\n   one[2J\n   two\n   file notes.md (12 bytes)',
  ]);
});

test.each([
  [null, 'unknown'],
  [0, '$0'],
  [0.00001, '<$0.0001'],
  [0.00125, '$0.0013'],
  [12.345, '$12.35'],
])('shows the cost %s as %s', (cost, text) => {
  expect(costText(cost)).toBe(text);
});

test('the cost of a task without a price says so', () => {
  const unpriced = outcome({ cost_usd: null, calls_of_unknown_cost: 1, known_cost_usd: 0, is_unpriced: true });
  expect(show([unpriced])).toMatch(/ 120 +no price$/m);
});

test('the cost says that there is more to it if a part is unknown', () => {
  const unknown = outcome({ cost_usd: null });
  const partly = outcome({ cost_usd: null, known_cost_usd: 0.0123, calls_of_unknown_cost: 2 });
  expect(outcomeTable([unknown], [], 200)).toMatch(/ unknown$/m);
  expect(outcomeTable([partly], [], 200)).toContain('$0.0123 + unknown');
});
