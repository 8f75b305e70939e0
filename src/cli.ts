#!/usr/bin/env node
import { CommanderError } from 'commander';
import { commandLine } from './app/command-line.ts';
import { EXIT, errorTextOf } from './app/exit-code.ts';
import { openScreen } from './app/screen/screen.ts';
import { ErrandError } from './errors.ts';

const screen = openScreen();

/** Makes the error of a wrong command line, so that it is reported like every other mistake. */
function usageError({ message }: CommanderError): ErrandError {
  const what = message
    .replace(/^error: /, '')
    .replace(/\s+/g, ' ')
    .replace(/\.$/, '');
  const named = program.commands.find((command) => command.name() === process.argv[2])?.name();
  const remedy = `See the options: errand ${named ? `${named} ` : ''}--help`;
  return new ErrandError('USAGE_INVALID', what, { remedy });
}

const program = commandLine(screen);

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError && /^commander\.(help|helpDisplayed|version)$/.test(error.code)) {
    process.exitCode = error.exitCode === 0 ? EXIT.ok : EXIT.refused;
  } else {
    const { text, exitCode } = errorTextOf(error instanceof CommanderError ? usageError(error) : error);
    screen.note(text);
    process.exitCode = exitCode;
    // Connections that still try to reach Redis, or a tool module, would keep the process running.
    process.exit();
  }
}
