import { Command } from 'commander';
import { EXIT_CODES } from './exit-code.ts';
import type { Screen } from './screen/screen.ts';
import { ownVersion } from './version.ts';

const HELP = `
FILE is a JSON, JSONL or YAML file; use - for standard input. JSON and YAML hold a batch, or a list of tasks.
JSONL holds one task a line. Its first line can be {"batch": {...}} with the options of the batch.

Exit codes
${EXIT_CODES.map(({ code, means }) => `  ${String(code).padEnd(4)} ${means}`).join('\n')}

Configuration: errand.config.yaml (or .yml, .json) in this directory, or the file in ERRAND_CONFIG.
Variables such as REDIS_URL override the file. "errand config" prints every setting.`;

/** Refuses a repeated option with a value: Commander would silently keep the last value. */
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

/** Runs a command and sets its exit code. The process ends by itself afterwards, which shows that nothing stayed open. */
function run<A extends unknown[]>(command: (...args: A) => Promise<number>): (...args: A) => Promise<void> {
  return async (...args) => {
    process.exitCode = await command(...args);
  };
}

/** Adds the commands that run until they are stopped. */
function addProcesses(program: Command, screen: Screen): void {
  program
    .command('up')
    .description('run a sample batch with everything it needs')
    .option('--exit', 'exit when the sample batch settles; 0 if it ended as expected')
    .option('--live', 'call the configured providers, not the simulator; costs money')
    .option('--verbose', "print the worker's log")
    .action(run(async (flags) => (await import('./commands/up.ts')).up(flags, screen)));

  program
    .command('worker')
    .description('run tasks until SIGTERM')
    .option('--only <providers>', 'run only tasks of these providers, separated by commas')
    .option('--concurrency <number>', 'tasks at a time per lane (default: worker.concurrency)')
    .action(run(async (flags) => (await import('./commands/worker.ts')).worker(flags)));

  program
    .command('board')
    .description('serve the web board')
    .action(run(async () => (await import('./commands/board.ts')).board(screen)));

  program
    .command('simulator')
    .description('serve simulated provider APIs')
    .option('--host <host>', 'address to listen on', '127.0.0.1')
    .option('--port <port>', 'port to listen on; 0 picks a free port', '4010')
    .option('--script <file>', 'JSON or YAML file with the replies')
    .action(run(async (flags) => (await import('./commands/simulator.ts')).simulator(flags, screen)));
}

/** Adds the commands for batches. */
function addBatches(program: Command, screen: Screen): void {
  program
    .command('enqueue')
    .description('enqueue a batch and print its id')
    .argument('<FILE>')
    .option('--wait', 'show progress until the batch settles, then its outcomes')
    .option('--json', 'print the receipt as JSON; with --wait, the summary')
    .action(run(async (file, flags) => (await import('./commands/enqueue.ts')).enqueue(file, flags, screen)));

  program
    .command('status')
    .description('show the progress of a batch, and its cost once it has settled')
    .argument('<BATCH>')
    .option('--json', 'print the status as JSON')
    .action(run(async (batch, flags) => (await import('./commands/status.ts')).status(batch, flags, screen)));

  program
    .command('outcomes')
    .description('show how tasks ended, with their answers')
    .argument('<BATCH>')
    .option('--failed', 'only tasks that did not succeed')
    .option('--json', 'print each outcome as a line of JSON')
    .action(run(async (batch, flags) => (await import('./commands/outcomes.ts')).outcomes(batch, flags, screen)));

  program
    .command('cancel')
    .description('cancel a batch or a task; abort what runs')
    .argument('<BATCH-OR-TASK>')
    .option('--reason <text>', 'reason, shown in each outcome')
    .option('--json', 'print the result as JSON')
    .action(run(async (id, flags) => (await import('./commands/cancel.ts')).cancel(id, flags, screen)));

  program
    .command('routes')
    .description('show the route of each task; enqueue nothing')
    .argument('<FILE>')
    .option('--json', 'print each route as a line of JSON')
    .action(run(async (file, flags) => (await import('./commands/routes.ts')).routes(file, flags, screen)));
}

/** Adds the commands that look at a deployment. */
function addChecks(program: Command, screen: Screen): void {
  program
    .command('leaks')
    .description('list resources that attempts hold')
    .option('--json', 'print each row as a line of JSON')
    .option('--close <worker>', 'close the rows of this unresponsive worker')
    .option('--because <reason>', 'with --close: how you know that nothing is left running')
    .action(run(async (flags) => (await import('./commands/leaks.ts')).leaks(flags, screen)));

  program
    .command('tools')
    .description('list the tools of workers with this configuration, or try one')
    .option('--call <tool>', 'run this tool once, outside of any task')
    .option('--args <json>', 'with --call: its arguments; without, an empty object')
    .option('--json', 'print the tools or the result as JSON')
    .action(run(async (flags) => (await import('./commands/tools.ts')).tools(flags, screen)));

  program
    .command('config')
    .description('print every setting and its source')
    .option('--json', 'print the settings as JSON')
    .action(run(async (flags) => (await import('./commands/config.ts')).config(flags, screen)));

  program
    .command('doctor')
    .description('check Redis, lanes, credentials and Node')
    .option('--json', 'print the findings as JSON')
    .action(run(async (flags) => (await import('./commands/doctor.ts')).doctor(flags, screen)));
}

/** Returns the command line with all its commands and options. `parseAsync` of the result runs a command. */
export function commandLine(screen: Screen): Command {
  const program = new Command('errand')
    .description('Runs batches of AI agents from a queue: each task on the route it carries.')
    .version(ownVersion())
    .addHelpText('after', HELP)
    .exitOverride()
    .configureOutput({ outputError: () => undefined });
  addProcesses(program, screen);
  addBatches(program, screen);
  addChecks(program, screen);
  for (const command of program.commands) refuseRepeats(command);
  return program;
}
