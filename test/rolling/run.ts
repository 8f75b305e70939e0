import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';
import { runNewer } from './newer.ts';
import { faultsIn, runRolling } from './rolling.ts';
import { EARLIER, hasCommit } from './tree.ts';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '200' },
    seed: { type: 'string', default: String(randomInt(2 ** 31)) },
  },
});
const rounds = numberOf('rounds', values.rounds);
const seed = numberOf('seed', values.seed);
const tell = (line: string) => process.stderr.write(`${line.slice(0, 4_000)}\n`);

process.once('SIGINT', () => process.exit(130));
process.once('SIGTERM', () => process.exit(143));
const newer = await runNewer(tell);
process.stdout.write(`${JSON.stringify(newer)}\n`);
const faults = newer.faults;
if (!(await hasCommit(EARLIER))) {
  tell(`skipped: this clone has no commit ${EARLIER}; fetch the whole history to check against it`);
} else if (rounds > 0) {
  tell(`seed ${seed}`);
  const report = await runRolling({ rounds, seed, tell });
  process.stdout.write(`${JSON.stringify(report)}\n`);
  faults.push(...faultsIn(report));
}
if (faults.length > 0) tell(`not as it should be: ${faults.join(', ')}`);
process.exit(faults.length > 0 ? 1 : 0);

function numberOf(name: string, text: string): number {
  const number = Number(text);
  if (text.trim() !== '' && Number.isInteger(number) && number >= 0) return number;
  throw new Error(`--${name}: expected a whole number, got "${text}"`);
}
