import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BROKEN, SOUND, type Variant } from './variants.ts';

const MODEL = join(import.meta.dirname, 'ledger.pml');

/** What a search came to: the states it stored, and the assertion it saw violated, if any. */
type Found = { states: number; violated: string | null };

const missing = ['spin', 'cc'].filter((tool) => spawnSync(tool, ['--version']).error);
if (missing.length > 0) {
  process.stdout.write(`not run: ${missing.join(' and ')} not found; on Debian: apt-get install -y spin gcc\n`);
  process.exit(0);
}

const surprises = [...SOUND, ...BROKEN].filter((variant) => {
  const found = search(variant);
  const isExpected = found.violated === variant.violates;
  const result = found.violated === null ? 'holds' : `violates ${found.violated}`;
  process.stdout.write(
    `${isExpected ? 'as expected' : 'UNEXPECTED'}: ${variant.name}: ${result}, ${found.states} states\n`,
  );
  return !isExpected;
});
process.exit(surprises.length > 0 ? 1 : 0);

/** Searches every state of one variant, or up to the first violation. */
function search({ name, defines }: Variant): Found {
  const directory = mkdtempSync(join(tmpdir(), 'errand-model-'));
  try {
    const flags = defines.map((define) => `-D${define}`);
    run(directory, 'spin', ['-a', ...flags, MODEL]);
    run(directory, 'cc', ['-O2', '-w', '-DSAFETY', '-DMEMLIM=4000', '-o', 'pan', 'pan.c']);
    const report = run(directory, './pan', ['-m100000']);
    const states = /(\d+) states, stored/.exec(report)?.[1];
    const violated = /assertion violated (.+) \(at depth/.exec(report)?.[1]?.trim() ?? null;
    const isWhole = violated !== null || (/errors: 0$/m.test(report) && !/Search not completed|too small/.test(report));
    if (!states || !isWhole) throw new Error(`${name}: the search did not end as one should:\n${report}`);
    return { states: Number(states), violated };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function run(directory: string, command: string, args: string[]): string {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd: directory, encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command} ended with ${status}:\n${stdout}${stderr}`);
  return stdout;
}
