import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { readBatchFile } from '../../src/app/batch-file/read-batch-file.ts';
import { DEFAULT_LIMITS } from '../../src/contract/limits.ts';
import { isErrandError } from '../../src/errors.ts';
import { planBatch } from '../../src/routes/plan.ts';
import type { RoutingTable } from '../../src/routes/table.ts';
import { spreadOf } from '../report.ts';
import { files, objects, texts } from './inputs.ts';

const ROUNDS = 3;
const TABLE: RoutingTable = {
  providers: { openai: { default_model: 'gpt', wire: 'chat', effort_policy: 'clamp', efforts: {} } },
  delegation: { provider: 'openai' },
  precedence: 'strict',
};

const { values } = parseArgs({ options: { only: { type: 'string', default: '' } } });
const isWanted = ([name]: [string, unknown]) => name.includes(values.only);

const dir = await mkdtemp(join(tmpdir(), 'errand-refusals-'));
try {
  line('input', 'longest block', 'in all', 'refused as');
  for (const [name, make] of Object.entries({ ...objects, ...texts }).filter(isWanted)) {
    await report(name, make, (input) => planBatch(input, DEFAULT_LIMITS, TABLE));
  }
  for (const [name, make] of Object.entries(files).filter(isWanted)) {
    const path = join(dir, name);
    await writeFile(path, make());
    await report(
      name,
      () => path,
      async (file) => planBatch(await readBatchFile(file, DEFAULT_LIMITS), DEFAULT_LIMITS, TABLE),
    );
    await rm(path);
  }
} finally {
  await rm(dir, { recursive: true, force: true });
}

/** Prints the longest block of the event loop, and how long the refusal took. Making the input is not timed. */
async function report<T>(name: string, make: () => T, plan: (input: T) => Promise<unknown>): Promise<void> {
  const blocks: number[] = [];
  const totals: number[] = [];
  let reason = 'accepted';
  for (let round = 0; round < ROUNDS; round++) {
    const input = make();
    await new Promise((resolve) => setImmediate(resolve));
    const watch = watchLoop();
    const startedMs = performance.now();
    const error: unknown = await plan(input).then(
      () => null,
      (thrown: unknown) => thrown,
    );
    totals.push(performance.now() - startedMs);
    blocks.push(watch());
    reason = error === null ? 'accepted' : isErrandError(error) ? error.message : `not refused properly: ${error}`;
  }
  line(name, ms(spreadOf(blocks)), ms(spreadOf(totals)), reason.slice(0, 90));
}

function ms({ median, max }: { median: number; max: number }): string {
  return `${median.toFixed(1)} (max ${max.toFixed(1)})`;
}

function line(...[name = '', block = '', total = '', reason = '']: string[]): void {
  process.stdout.write(`${name.padEnd(44)}${block.padStart(22)}${total.padStart(22)}  ${reason}\n`);
}

/** Measures the longest time between two turns of the event loop until the returned function is called. */
function watchLoop(): () => number {
  let longestMs = 0;
  let lastMs = performance.now();
  let isOver = false;
  const look = () => {
    const nowMs = performance.now();
    longestMs = Math.max(longestMs, nowMs - lastMs);
    lastMs = nowMs;
    if (!isOver) setImmediate(look);
  };
  setImmediate(look);
  return () => {
    look();
    isOver = true;
    return longestMs;
  };
}
