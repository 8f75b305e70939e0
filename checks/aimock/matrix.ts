import type { Judged } from './cell.ts';
import { ENDPOINTS } from './endpoint.ts';

const MARKS = { 'as expected': 'ok', 'not judged': '–', missed: 'MISS' } as const;

/** The verdicts as a table, one row for each case, and below it what was missed and what was not judged. */
export function matrixOf(cells: readonly Judged[]): string {
  const names = [...new Set(cells.map(({ name }) => name))];
  const width = Math.max(...names.map((name) => name.length));
  const row = (head: string, entries: readonly string[]) =>
    [head.padEnd(width), ...entries.map((entry, at) => entry.padEnd(ENDPOINTS[at]?.length ?? 0))].join('  ').trimEnd();
  const verdicts = (name: string) =>
    ENDPOINTS.map((endpoint) => {
      const cell = cells.find((cell) => cell.name === name && cell.endpoint === endpoint);
      return cell ? MARKS[cell.verdict] : '';
    });
  return [row('', ENDPOINTS), ...names.map((name) => row(name, verdicts(name))), ...notesOn(cells)].join('\n');
}

function notesOn(cells: readonly Judged[]): string[] {
  const missed = cells.filter(({ verdict }) => verdict === 'missed');
  const told = missed.map(({ name, endpoint, expected, observed }) =>
    [
      `MISS ${endpoint}, ${name}:`,
      `  expected ${JSON.stringify(expected)}`,
      `  observed ${JSON.stringify(observed)}`,
    ].join('\n'),
  );
  const reasons = Map.groupBy(
    cells.filter(({ verdict }) => verdict === 'not judged'),
    reasonOf,
  );
  const unjudged = [...reasons].map(
    ([reason, group]) => `not judged: ${reason}: ${group.map(({ endpoint }) => endpoint).join(', ')}`,
  );
  return ['', ...told, ...unjudged];
}

function reasonOf({ name, expected }: Judged): string {
  return 'notJudged' in expected ? `${name}: ${expected.notJudged}` : name;
}
