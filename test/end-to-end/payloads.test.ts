import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { isErrandError } from '../../src/errors.ts';
import { PROPOSALS } from '../fixtures/payloads/proposals.ts';
import type { Payload } from '../fixtures/payloads/shape.ts';
import { SHAPES } from '../fixtures/payloads/shapes.ts';
import { aDeployment } from '../helpers/deployment.ts';

const ROUTING = {
  delegation: { provider: 'local' },
  model_aliases: { opus: 'anthropic:claude-opus-5-5' },
};

/** Runs a payload whole: from `enqueue` to the outcomes and to what the provider received. */
async function run(payload: Record<string, unknown>) {
  const { producer, startWorker, simulator, outcomesOf } = await aDeployment({ settings: ROUTING });
  await startWorker();
  try {
    const { batch_id, warnings } = await producer.enqueue(JSON.parse(JSON.stringify(payload)));
    await producer.settled(batch_id);
    const outcomes = await outcomesOf(batch_id);
    return { warnings, outcomes, sent: simulator.requests(), refused: [] };
  } catch (error) {
    if (!isErrandError(error)) throw error;
    const text = JSON.stringify([error.message, error.problems]);
    return { warnings: [], outcomes: [], sent: simulator.requests(), refused: error.problems, text };
  }
}

/** The field that a warning is about: `tasks[0].group: …` is about `group`. */
function fieldOf(warning: string): string {
  return (
    warning
      .replace(/^tasks?\W*\d+\W*\s*/, '')
      .replace(/^[^:]*\]\.?/, '')
      .split(/[: ]/)[0] ?? ''
  );
}

const CASES: Payload[] = [...SHAPES, ...PROPOSALS];

test('there are 29 shapes and 17 proposals, each told apart by what it shows', () => {
  expect([SHAPES.length, PROPOSALS.length]).toEqual([29, 17]);
  expect(new Set(CASES.map(({ shows }) => shows)).size).toBe(46);
});

test.each(CASES)('$shows: it runs on its route or is refused by name', async (given) => {
  const seen = await run(given.payload);
  if ('refused' in given) {
    expect(seen.refused.map(({ path }) => path).toSorted()).toEqual(given.refused.toSorted());
    expect(seen.text).not.toContain('sk-inline');
    expect(seen.sent).toEqual([]);
    return;
  }
  expect(seen.refused).toEqual([]);
  expect(seen.outcomes.map(({ status }) => status)).toEqual(given.runs.map(() => 'succeeded'));
  given.runs.forEach((expected, index) => {
    expect(seen.outcomes[index]?.route?.effective).toMatchObject(expected);
  });
  expect(seen.warnings.map(fieldOf).toSorted()).toEqual((given.warns ?? []).toSorted());
  expect(seen.sent.map(({ model }) => model).toSorted()).toEqual(given.runs.map(({ model }) => model).toSorted());
});

/** What becomes of a payload, in the words of the page. */
function verdictOf(payload: Payload): string {
  const names = (paths: string[]) => [...new Set(paths)].map((path) => `\`${path}\``).join(', ');
  if ('refused' in payload) return `refused at ${names(payload.refused)}`;
  const tasks = payload.runs.length === 1 ? 'runs' : `runs as ${payload.runs.length} tasks`;
  return payload.warns ? `${tasks}, with a warning about ${names(payload.warns)}` : tasks;
}

test('the page for people who come from delegate_task lists each payload', () => {
  const page = readFileSync(join(import.meta.dirname, '../../docs/reference/delegate-task.md'), 'utf8');
  const section = page.split('## Payloads\n')[1]?.split('\n## ')[0] ?? '';
  const rows = section.split('\n').filter((line) => /^\| (?!--|payload )/.test(line));
  expect(rows).toEqual(CASES.map((payload) => `| ${payload.shows} | ${verdictOf(payload)} |`));
});
