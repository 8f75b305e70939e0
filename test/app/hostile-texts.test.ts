import { expect, test } from 'vitest';
import { readBatchFile } from '../../src/app/batch-file/read-batch-file.ts';
import { errorTextOf } from '../../src/app/exit-code.ts';
import { outcomeTable } from '../../src/app/screen/outcome-table.ts';
import { statusText } from '../../src/app/screen/status-text.ts';
import { jsonLine, oneLine } from '../../src/base/text.ts';
import type { Failure } from '../../src/contract/failure.ts';
import { DEFAULT_LIMITS } from '../../src/contract/limits.ts';
import { ErrandError } from '../../src/errors.ts';
import { freshPrefix, redisUrl } from '../helpers/redis.ts';
import { aFolder, start } from './run-cli.ts';

const HOSTILE =
  'x\u001b[2J\u001b]0;t\u0007\r\nFORGED: all is well\u0085\u2028FORGED: again\u009b31m\u202egnp\u200b\u2066\ufeff';
const OBEYED = /(?!\n)[\p{Cc}\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]/u;

function expectHarmless(text: string): void {
  expect(text).not.toMatch(OBEYED);
  expect(text).not.toMatch(/^\s*FORGED/m);
}

test('a text from outside becomes one printable line, and emoji stay whole', () => {
  expectHarmless(oneLine(HOSTILE));
  expect(oneLine('👩‍👧 é\n')).toBe('👩‍👧 é ');
});

test('JSON for programs has no character that a terminal obeys, and the same value', () => {
  const value = { [HOSTILE]: [HOSTILE, '\u{e0041}'] };
  expect(jsonLine(value)).not.toMatch(OBEYED);
  expect(JSON.parse(jsonLine(value))).toEqual(value);
});

test('an error with hostile message, paths and remedy stays on its lines', () => {
  const problems = [{ path: HOSTILE, message: HOSTILE }];
  expectHarmless(errorTextOf(new ErrandError('BATCH_INVALID', HOSTILE, { problems, remedy: HOSTILE })).text);
  expectHarmless(errorTextOf(new ErrandError('NOT_FOUND', HOSTILE, { remedy: HOSTILE })).text);
});

test('a status with hostile name and reason stays on its lines', () => {
  const counts = { succeeded: 0, failed: 0, rejected: 0, cancelled: 0 };
  const cancel = { reason: HOSTILE, requested_at: '2026-01-01T00:00:00Z' };
  const found = {
    batch_id: 'b1',
    name: HOSTILE,
    total: 1,
    counts,
    ended: 0,
    running: 0,
    status: 'running',
    cancel,
  } as const;
  expectHarmless(statusText(found));
  expect(statusText(found).split('\n')).toHaveLength(3);
});

test('an outcome with hostile model, message and goal stays on its lines', () => {
  const usage = { input_tokens: 0, cached_input_tokens: 0, output_tokens: 0, reasoning_tokens: 0 };
  const failure: Failure = {
    version: 1,
    code: 'PROVIDER_FAILED',
    origin: 'provider',
    message: HOSTILE,
    remedy: HOSTILE,
    causes: [],
  };
  const outcome = {
    version: 1,
    status: 'failed',
    batch_id: 'b1',
    task_id: 'b1-0',
    index: 0,
    route: null,
    attempts: [],
    turns: 0,
    tool_calls: 0,
    usage,
    cost_usd: null,
    calls_possibly_paid_twice: 0,
    duration_ms: 0,
    ended_at: '2026-01-01T00:00:00Z',
    failure,
  } as const;
  expectHarmless(
    outcomeTable([{ ...outcome, attempts: [], cleanup: { version: 1, steps: [], open: 0 } }], [HOSTILE], 120),
  );
});

test('commands print hostile batches, names of files and ids as printable lines', async () => {
  const batch = {
    name: HOSTILE,
    metadata: { a: HOSTILE },
    tasks: [{ goal: HOSTILE, provider: 'openai', model: `m${HOSTILE}` }],
  };
  const folder = aFolder({
    'batch.json': JSON.stringify(batch),
    'bad.json': JSON.stringify({ goal: 'a', [HOSTILE]: 1 }),
  });
  expect(await readBatchFile(`${folder}/batch.json`, DEFAULT_LIMITS)).toEqual(batch);
  const env = { REDIS_URL: redisUrl(), ERRAND_PREFIX: freshPrefix() };
  const errand = (...args: string[]) => start(args, folder, env).ended;
  const { out, err: told } = await errand('enqueue', 'batch.json');
  expect([told, out]).toEqual([expect.stringContaining('enqueued'), expect.stringMatching(/^b/)]);
  const id = out.trim();
  const said = await Promise.all([
    errand('routes', 'batch.json'),
    errand('routes', 'bad.json'),
    errand('enqueue', `no${HOSTILE}`),
    errand('status', id),
    errand('status', id, '--json'),
    errand('status', HOSTILE),
    errand('cancel', HOSTILE),
    errand('leaks', '--close', HOSTILE, '--because', HOSTILE),
    errand('doctor'),
    errand(HOSTILE),
  ]);
  for (const { out: printed, err } of said) expectHarmless(`${printed}\n${err}`);
  expect(JSON.parse(said[4]?.out ?? '')).toMatchObject({ name: HOSTILE, metadata: { a: HOSTILE } });
});
