#!/usr/bin/env node
import { Command, CommanderError } from 'commander';
import { EXIT, errorTextOf } from './app/exit-code.ts';
import { openScreen } from './app/screen/screen.ts';
import { ownVersion } from './app/version.ts';
import { ErrandError } from './errors.ts';

const HELP = `
FILE is JSON, JSONL or YAML; - is standard input. JSON and YAML hold a batch, or an array of tasks.
JSONL holds one task a line; a first line {"batch": {...}} may set the options of the batch.

Exit codes
  0  done; where tasks have ended, all of them succeeded
  1  some task did not succeed, an address is in use, or an unexpected error
  2  wrong usage, configuration or input, or refused: the same command fails again
  3  Redis is unreachable or full
  130  interrupted

Configuration: errand.config.yaml (or .yml, .json) or the file that ERRAND_CONFIG names; REDIS_URL and other variables win over it.`;

const screen = openScreen();

/** A command line that does not fit, as the error that every other mistake is reported with. */
function usageError({ message }: CommanderError): ErrandError {
  const what = message
    .replace(/^error: /, '')
    .replace(/\s+/g, ' ')
    .replace(/\.$/, '');
  const named = program.commands.find((command) => command.name() === process.argv[2])?.name();
  const remedy = `See the options: errand ${named ? `${named} ` : ''}--help`;
  return new ErrandError('USAGE_INVALID', what, { remedy });
}

/** Refuses an option with a value that is given twice: Commander would keep the last value silently. */
function refuseRepeats(command: Command): void {
  for (const option of command.options.filter(({ required }) => required)) {
    const name = `option:${option.name()}`;
    let isGiven = false;
    command.on(name, () => {
      if (isGiven) command.error(`option '${option.long}' is given twice; give it once`);
      isGiven = true;
    });
  }
}

/** Runs a command and keeps its exit code. The process then ends by itself, which shows that nothing was left open. */
function run<A extends unknown[]>(command: (...args: A) => Promise<number>): (...args: A) => Promise<void> {
  return async (...args) => {
    process.exitCode = await command(...args);
  };
}

const program = new Command('errand')
  .description('Runs batches of AI agents from a queue: each task on the route it carries.')
  .version(ownVersion())
  .addHelpText('after', HELP)
  .exitOverride()
  .configureOutput({ outputError: () => undefined });

program
  .command('up')
  .description('run everything here with a sample batch: Redis, simulator, worker, board')
  .option('--exit', 'end once the sample batch has settled; 0 if it ended as expected')
  .option('--live', 'use the configured providers instead of the simulator; this costs money')
  .option('--verbose', "show the worker's log")
  .action(run(async (flags) => (await import('./app/commands/up.ts')).up(flags, screen)));

program
  .command('worker')
  .description('run tasks until SIGTERM, then drain')
  .option('--only <providers>', 'take the tasks of these providers only, separated by commas')
  .option('--concurrency <number>', 'tasks at a time in each lane (default: worker.concurrency)')
  .action(run(async (flags) => (await import('./app/commands/worker.ts')).worker(flags)));

program
  .command('board')
  .description('serve the board')
  .action(run(async () => (await import('./app/commands/board.ts')).board(screen)));

program
  .command('simulator')
  .description('serve the simulator of the three wires')
  .option('--host <host>', 'address to listen on', '127.0.0.1')
  .option('--port <port>', 'port to listen on; 0 for any free one', '4010')
  .option('--script <file>', 'rules that say what it answers')
  .action(run(async (flags) => (await import('./app/commands/simulator.ts')).simulator(flags, screen)));

program
  .command('enqueue')
  .description('enqueue a batch and print its id')
  .argument('<FILE>')
  .option('--wait', 'show progress until the batch has settled, then how its tasks ended')
  .option('--json', 'print the receipt as JSON; with --wait, the summary')
  .action(run(async (file, flags) => (await import('./app/commands/enqueue.ts')).enqueue(file, flags, screen)));

program
  .command('status')
  .description('say where a batch stands')
  .argument('<BATCH>')
  .option('--json', 'print it as JSON')
  .action(run(async (batch, flags) => (await import('./app/commands/status.ts')).status(batch, flags, screen)));

program
  .command('outcomes')
  .description('say how the tasks of a batch ended')
  .argument('<BATCH>')
  .option('--failed', 'only those that did not succeed')
  .option('--json', 'print one whole outcome a line')
  .action(run(async (batch, flags) => (await import('./app/commands/outcomes.ts')).outcomes(batch, flags, screen)));

program
  .command('cancel')
  .description('cancel a batch or a task: what waits never starts, what runs is aborted')
  .argument('<BATCH-OR-TASK>')
  .option('--reason <text>', 'what the outcomes will say (default: "cancelled from the command line")')
  .option('--json', 'print the answer as JSON')
  .action(run(async (id, flags) => (await import('./app/commands/cancel.ts')).cancel(id, flags, screen)));

program
  .command('routes')
  .description('print the route each task would take; enqueue nothing')
  .argument('<FILE>')
  .option('--json', 'print one route a line')
  .action(run(async (file, flags) => (await import('./app/commands/routes.ts')).routes(file, flags, screen)));

program
  .command('leaks')
  .description('list what attempts hold, by age, and whether their workers give a sign of life')
  .option('--json', 'print one row a line')
  .option('--close <worker>', 'name or instance: close the rows of a worker that gives no sign of life, on your word')
  .option('--because <reason>', 'with --close: how you know that nothing is left; stands in the record')
  .action(run(async (flags) => (await import('./app/commands/leaks.ts')).leaks(flags, screen)));

program
  .command('config')
  .description('print every setting as it counts, and where it comes from')
  .option('--json', 'print it as JSON')
  .action(run(async (flags) => (await import('./app/commands/config.ts')).config(flags, screen)));

program
  .command('doctor')
  .description('check Redis, lanes, credentials and Node, and say how to mend what is wrong')
  .option('--json', 'print the findings as JSON')
  .action(run(async (flags) => (await import('./app/commands/doctor.ts')).doctor(flags, screen)));

for (const command of program.commands) refuseRepeats(command);

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError && /^commander\.(help|helpDisplayed|version)$/.test(error.code)) {
    process.exitCode = error.exitCode === 0 ? EXIT.ok : EXIT.refused;
  } else {
    const { text, exitCode } = errorTextOf(error instanceof CommanderError ? usageError(error) : error);
    screen.note(text);
    process.exitCode = exitCode;
    // What still tries to reach it would keep the process.
    if (exitCode === EXIT.redisAway) process.exit();
  }
}
