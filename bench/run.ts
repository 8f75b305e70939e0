import { availableParallelism, cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { measure } from './bench.ts';
import { compileProcesses } from './compiled.ts';
import { figuresOf, mediansOf, tableOf } from './report.ts';
import { infoOf, openStage } from './stage.ts';

const { values } = parseArgs({
  options: {
    tasks: { type: 'string', default: '2000' },
    rounds: { type: 'string', default: '5' },
    json: { type: 'boolean', default: false },
  },
});
const tasks = countOf('tasks', values.tasks);
const rounds = countOf('rounds', values.rounds);
const tell = (line: string) => process.stderr.write(`${line}\n`);

const stage = await openStage(compileProcesses());
try {
  const machine = {
    cores: availableParallelism(),
    cpu: cpus()[0]?.model ?? 'unknown',
    node: process.version,
    redis: await infoOf(stage.redis, 'redis_version'),
    tasks,
    rounds,
  };
  tell(
    Object.entries(machine)
      .map((fact) => fact.join(' '))
      .join(', '),
  );
  const figures = figuresOf(await measure(stage, { tasks, rounds, tell }));
  const output = values.json ? JSON.stringify({ ...mediansOf(figures), ...machine }) : tableOf(figures);
  process.stdout.write(`${output}\n`);
} finally {
  await stage.close();
}

function countOf(name: string, text: string): number {
  const count = Number(text);
  if (Number.isInteger(count) && count > 0) return count;
  throw new Error(`--${name}: expected a whole number above 0, got ${text}`);
}
