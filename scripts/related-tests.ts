import { basename } from 'node:path/posix';

/** What each file of the repository imports, by its path. */
export type ImportGraph = ReadonlyMap<string, readonly string[]>;

/** The tests that a change concerns. `far` tests reach it only through other sources, or run the whole system. */
export type RelatedTests = { near: string[]; far: string[] };

/** A helper of more tests than this counts as a start of the whole system: it imports nearly every source. */
const MAX_SHARED_BY = 12;
/** Runs a batch from the producer to the outcomes. It represents the tests that run the whole system. */
const WHOLE = 'test/end-to-end/batch.test.ts';
/** Tests that read files instead of importing them, by what they read. */
const READERS: readonly (readonly [RegExp, readonly string[]])[] = [
  [/^(src|dashboards)\/.*\.ts$/, ['test/architecture.test.ts', WHOLE]],
  [/\.md$/, ['test/docs.test.ts', 'test/contributing.test.ts']],
  [/^(docs\/.*|README|CONTRIBUTING)\.md$/, ['test/snippets.test.ts']],
  [/^(package(-lock)?\.json|Dockerfile|docker-compose\.yml)$/, ['test/shipping.test.ts']],
  [/^examples\//, ['test/examples.test.ts']],
];

/**
 * Finds the tests of changed files. A test is near if it imports a changed file, directly or through helpers of tests, has its name
 * and its room, or reads it.
 */
export function relatedTests(changed: readonly string[], graph: ImportGraph): RelatedTests {
  const tests = [...graph.keys()].filter(isTest);
  const importers = importersIn(graph);
  const isShared = (file: string) =>
    !isTest(file) && reached([file], importers, () => true).filter(isTest).length > MAX_SHARED_BY;
  const isHelper = (file: string) => file.startsWith('test/') && !isShared(file);
  const near = new Set([
    ...reached(changed, importers, isHelper).filter(isTest),
    ...tests.filter((test) => changed.some((file) => isNamesake(test, file))),
    ...READERS.flatMap(([pattern, readers]) => (changed.some((file) => pattern.test(file)) ? readers : [])),
  ]);
  const all = reached(changed, importers, () => true).filter(isTest);
  return { near: tests.filter((test) => near.has(test)), far: all.filter((test) => !near.has(test)) };
}

function isTest(file: string): boolean {
  return file.endsWith('.test.ts');
}

/** `test/app/leaks.test.ts` of `src/app/commands/leaks.ts`. */
function isNamesake(test: string, file: string): boolean {
  const isOfRoom = file.startsWith('src/') && test.split('/')[1] === file.split('/')[1];
  return isOfRoom && basename(test, '.test.ts') === basename(file, '.ts');
}

function importersIn(graph: ImportGraph): ReadonlyMap<string, readonly string[]> {
  const pairs = [...graph].flatMap(([file, imports]) => imports.map((target) => ({ file, target })));
  const byTarget = Map.groupBy(pairs, ({ target }) => target);
  return new Map([...byTarget].map(([target, found]) => [target, found.map(({ file }) => file)]));
}

/** Returns these files and every file that imports them through files that pass. */
function reached(
  from: readonly string[],
  importers: ReadonlyMap<string, readonly string[]>,
  passes: (file: string) => boolean,
): string[] {
  const found = new Set(from);
  // The loop also visits files that are added to the set.
  for (const file of found) {
    if (!from.includes(file) && !passes(file)) continue;
    for (const importer of importers.get(file) ?? []) found.add(importer);
  }
  return [...found];
}
