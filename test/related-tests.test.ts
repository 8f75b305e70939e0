import { expect, test } from 'vitest';
import { relatedTests } from '../scripts/related-tests.ts';

const WHOLE = 'test/end-to-end/batch.test.ts';
const MANY = Array.from({ length: 13 }, (_, index) => `test/end-to-end/${index}.test.ts`);
const GRAPH = new Map<string, string[]>([
  ['src/queue/lane.ts', []],
  ['src/worker/run.ts', ['src/queue/lane.ts']],
  ['src/app/commands/leaks.ts', []],
  ['src/cli.ts', ['src/app/commands/leaks.ts']],
  ['test/queue/lane.test.ts', ['src/queue/lane.ts']],
  ['test/queue/helper.ts', ['src/queue/lane.ts']],
  ['test/queue/names.test.ts', ['test/queue/helper.ts']],
  ['test/worker/run.test.ts', ['src/worker/run.ts']],
  ['test/app/leaks.test.ts', []],
  ['test/helpers/deployment.ts', ['src/worker/run.ts', 'src/queue/lane.ts']],
  ...[...MANY, WHOLE].map((file): [string, string[]] => [file, ['test/helpers/deployment.ts']]),
  ['test/architecture.test.ts', []],
  ['test/docs.test.ts', []],
]);

function nearTo(...changed: string[]): string[] {
  return relatedTests(changed, GRAPH).near.toSorted();
}

test('tests that import a changed source are near, directly or through a helper', () => {
  expect(nearTo('src/queue/lane.ts')).toEqual([
    'test/architecture.test.ts',
    WHOLE,
    'test/queue/lane.test.ts',
    'test/queue/names.test.ts',
  ]);
});

test('tests that reach a change through another source or start the whole are far', () => {
  expect(relatedTests(['src/queue/lane.ts'], GRAPH).far.toSorted()).toEqual(
    [...MANY, 'test/worker/run.test.ts'].toSorted(),
  );
});

test('a changed test is near, and so are the tests of a changed helper', () => {
  expect(nearTo('test/queue/lane.test.ts')).toEqual(['test/queue/lane.test.ts']);
  expect(nearTo('test/queue/helper.ts')).toEqual(['test/queue/names.test.ts']);
});

test('a test without the import is near by its name', () => {
  expect(nearTo('src/app/commands/leaks.ts')).toContain('test/app/leaks.test.ts');
});

test('a page concerns the test of the docs', () => {
  expect(nearTo('docs/how-to/operate.md')).toEqual(['test/docs.test.ts']);
});
