import { randomInt } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { Wire } from '../../src/contract/route.ts';
import { fuzzRecords } from '../records/fuzz/fuzz-records.ts';
import { coverageIn, coverageText } from './coverage.ts';
import { fuzz } from './fuzz.ts';
import { fuzzWorker } from './worker/fuzz-worker.ts';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    minutes: { type: 'string' },
    seed: { type: 'string', default: String(randomInt(2 ** 30)) },
    cases: { type: 'string' },
    wire: { type: 'string' },
    tree: { type: 'string', default: resolve(import.meta.dirname, '../..') },
    all: { type: 'boolean', default: false },
    worker: { type: 'boolean', default: false },
    records: { type: 'boolean', default: false },
    coverage: { type: 'boolean', default: false },
  },
});
const tell = (line: string) => process.stderr.write(`${line}\n`);
const seed = numberOf('seed', values.seed);
const seconds = values.minutes ? numberOf('minutes', values.minutes) * 60 : numberOf('seconds', values.seconds);

process.once('SIGINT', () => process.exit(130));
process.once('SIGTERM', () => process.exit(143));
const covered = values.coverage ? await mkdtemp(join(tmpdir(), 'errand-fuzz-')) : undefined;
tell(`seed ${seed}`);
if (values.worker || values.records) {
  const run = values.worker ? fuzzWorker : fuzzRecords;
  const { problems, ...told } = await run({ tree: resolve(values.tree), seed, durationMs: seconds * 1000, tell });
  process.stdout.write(`${JSON.stringify(told)}\n`);
  for (const problem of problems) tell(`not so: ${problem}`);
  process.exit(problems.length > 0 ? 1 : 0);
}
// The parts of a child took their present form in that commit, which added this file.
if (!existsSync(join(resolve(values.tree), 'src/worker/holding/unwind.ts')))
  throw new Error(
    '--tree: expected the tree of commit 929e082 or later; without --worker or --records, fuzz cannot drive earlier ones',
  );
const report = await fuzz({
  tree: resolve(values.tree),
  wires: values.wire === undefined ? Wire.options : [Wire.parse(values.wire)],
  seed,
  durationMs: seconds * 1000,
  isAll: values.all,
  ...(values.cases !== undefined && { maxCases: numberOf('cases', values.cases) }),
  env: covered === undefined ? process.env : { ...process.env, NODE_V8_COVERAGE: covered },
  tell,
});
for (const { smallest, seed: own } of report.found.slice(0, 1)) {
  tell(`the smallest case: ${JSON.stringify(smallest)}`);
  const wire = values.wire === undefined ? '' : ` --wire ${values.wire}`;
  tell(`again: npm run fuzz -- --seed ${own} --cases 1${wire}`);
}
if (covered !== undefined) {
  tell(coverageText(coverageIn(covered, '/src/providers/wires/')));
  await rm(covered, { recursive: true });
}
process.stdout.write(`${report.cases} cases in ${report.seconds} s, ${report.found.length} kinds of findings\n`);
process.exit(report.found.length > 0 ? 1 : 0);

function numberOf(name: string, text: string): number {
  const number = Number(text);
  if (text.trim() !== '' && Number.isFinite(number) && number >= 0) return number;
  throw new Error(`--${name}: expected a number, got "${text}"`);
}
