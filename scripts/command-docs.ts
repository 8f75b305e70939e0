import { commandLine } from '../src/app/command-line.ts';
import type { Screen } from '../src/app/screen/screen.ts';
import { code, tableOf } from './markdown-table.ts';

/** The id as the shell has it after `BATCH_ID=$(errand enqueue FILE)`. */
const BATCH = '"$BATCH_ID"';

/** One command line for each command. `test/snippets.test.ts` checks their arguments and options. */
const EXAMPLES: Record<string, string> = {
  up: 'errand up --exit',
  worker: 'errand worker --only openai,anthropic --concurrency 20',
  board: 'errand board',
  simulator: 'errand simulator --port 4010',
  enqueue: 'errand enqueue examples/batch.yaml --wait',
  status: `errand status ${BATCH} --json`,
  outcomes: `errand outcomes ${BATCH} --failed`,
  cancel: `errand cancel ${BATCH} --reason "replaced by a later batch"`,
  routes: 'errand routes examples/batch.yaml',
  leaks: 'errand leaks --close worker-7f9c-1 --because "the node was deleted, with its disk"',
  tools: 'errand tools --call list_files',
  config: 'errand config --json',
  doctor: 'errand doctor',
};

const NO_SCREEN: Screen = {
  print: () => undefined,
  json: () => undefined,
  note: () => undefined,
  width: 120,
  live: null,
};

type Command = ReturnType<typeof commandLine>;

/** Returns the commands and what they do, in one table. */
export function commandList(): string[] {
  const rows = commands().map((command) => [`[${code(usageOf(command))}](#${command.name()})`, command.description()]);
  return tableOf([['command', 'effect'], ...rows]);
}

/** Returns one section for each command: its effect, an example and its options. */
export function commandSections(): string[] {
  return commands().flatMap((command, at) => [...(at > 0 ? [''] : []), ...sectionOf(command)]);
}

function commands(): readonly Command[] {
  return commandLine(NO_SCREEN).commands;
}

function usageOf(command: Command): string {
  return `errand ${command.name()} ${command.usage()}`.replace('[options] ', '').replace(' [options]', '');
}

function sectionOf(command: Command): string[] {
  const example = EXAMPLES[command.name()];
  if (example === undefined) throw new Error(`scripts/command-docs.ts has no example of errand ${command.name()}`);
  const effect = command.description();
  const options = command.options.map(({ flags, description, defaultValue }) => {
    return [code(flags), defaultValue === undefined ? '' : code(String(defaultValue)), description];
  });
  return [
    `### ${command.name()}`,
    '',
    `${code(usageOf(command))}: ${effect}.`,
    '',
    '```sh',
    example,
    '```',
    ...(options.length > 0 ? ['', ...tableOf([['option', 'default', 'meaning'], ...options])] : []),
  ];
}
