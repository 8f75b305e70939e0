import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';
import { lineOf, lossesIn } from './report.ts';
import { runStorm } from './storm.ts';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '45' },
    minutes: { type: 'string' },
    seed: { type: 'string', default: String(randomInt(2 ** 31)) },
    json: { type: 'boolean', default: false },
  },
});
const seed = numberOf('seed', values.seed);
const durationMs = values.minutes
  ? numberOf('minutes', values.minutes) * 60_000
  : numberOf('seconds', values.seconds) * 1000;
const tell = (line: string) => process.stderr.write(`${line}\n`);

process.once('SIGINT', () => process.exit(130));
process.once('SIGTERM', () => process.exit(143));
tell(`seed ${seed}`);
const report = await runStorm({ seed, durationMs, tell });
process.stdout.write(`${values.json ? JSON.stringify(report) : lineOf(report)}\n`);
for (const [status, count] of Object.entries(report.ended)) tell(`${status} ${count}`);
for (const [code, count] of Object.entries(report.failures)) tell(`failed with ${code}: ${count}`);
const losses = lossesIn(report);
if (losses.length > 0) tell(`not 0: ${losses.join(', ')}`);
process.exit(losses.length > 0 ? 1 : 0);

function numberOf(name: string, text: string): number {
  const number = Number(text);
  if (text.trim() !== '' && Number.isFinite(number) && number >= 0) return number;
  throw new Error(`--${name}: expected a number, got "${text}"`);
}
