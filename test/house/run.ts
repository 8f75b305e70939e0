import { execFileSync } from 'node:child_process';
import { globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { Sources } from '../helpers/floor-plan.ts';
import { root } from '../helpers/pages.ts';
import { type House, measureHouse } from './house.ts';

const { values } = parseArgs({ options: { commit: { type: 'string' } } });
const sources = values.commit === undefined ? sourcesIn(root) : sourcesAt(values.commit);
process.stdout.write(`${report(measureHouse(sources)).join('\n')}\n`);

function sourcesIn(directory: string): Sources {
  const files = globSync('{src,dashboards}/**/*.ts', { cwd: directory }).sort();
  return Object.fromEntries(files.map((file) => [file, readFileSync(join(directory, file), 'utf8')]));
}

/** The sources of another commit, read from a copy that is removed again. */
function sourcesAt(commit: string): Sources {
  const directory = mkdtempSync(join(tmpdir(), 'errand-house-'));
  try {
    const archive = execFileSync('git', ['archive', commit, 'src', 'dashboards'], { cwd: root, maxBuffer: 2 ** 28 });
    execFileSync('tar', ['-x', '-C', directory], { input: archive });
    return sourcesIn(directory);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

function report(house: House): string[] {
  const places = (title: string, found: readonly string[]) => [
    '',
    `${title}: ${found.length}`,
    ...found.map((text) => `- ${text}`),
  ];
  const sized = ({ file, line, name, lines }: House['longFunctions'][number]) =>
    `${file}:${line} ${name} (${lines} lines)`;
  const taking = ({ file, line, name, parameters }: House['manyParameters'][number]) =>
    `${file}:${line} ${name} (${parameters} parameters)`;
  const placed = ({ file, line, what }: House['mutableState'][number]) => `${file}:${line} ${what}`;
  return [
    '| room | files | lines | median | p90 | longest |',
    '|---|--:|--:|--:|--:|---|',
    ...house.rooms.map((row) => `| ${Object.values(row).join(' | ')} |`),
    ...places('Functions over 40 lines', house.longFunctions.toSorted((a, b) => b.lines - a.lines).map(sized)),
    ...places('Functions with more than 4 parameters', house.manyParameters.map(taking)),
    ...places('Public fields that can be written', house.mutableFields.map(placed)),
    ...places('Files of re-exports only', house.reexports),
    ...places('Mutable state of modules', house.mutableState.map(placed)),
  ];
}
