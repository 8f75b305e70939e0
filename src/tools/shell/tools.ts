import { z } from 'zod';
import { defineTool, type Tool } from '../../agent/tool.ts';
import { ToolReply } from '../../agent/tool-reply.ts';
import { byteLength } from '../../base/text.ts';
import type { CommandEnd, CommandRequest } from './commands.ts';

/** The kernel allows less than 128 KiB for one argument. */
const MAX_LINE_BYTES = 100 * 1024;
const MAX_STDIN_CHARS = 1024 * 1024;

/** How the tool tells the model where commands run. */
export type ShellDescription = { isSandboxed: boolean; hasNetwork: boolean; maxSeconds: number };

/** Runs a command, and returns its end and what else the model must know. */
export type RunCommand = (
  request: CommandRequest,
  signal: AbortSignal,
) => Promise<{ end: CommandEnd; notes: readonly string[] }>;

/** The toolset `shell`: run a command in the workspace. */
export function shellTools(run: RunCommand, shell: ShellDescription): Tool[] {
  const { maxSeconds } = shell;
  const line = z
    .string()
    .min(1)
    .refine((text) => !text.includes('\0'), 'expected a command without zero bytes')
    .refine((text) => byteLength(text) <= MAX_LINE_BYTES, `expected at most ${MAX_LINE_BYTES} bytes; use write_file`);
  return [
    defineTool({
      name: 'run_command',
      description: descriptionOf(shell),
      class: 'effect',
      parameters: z.strictObject({
        command: line.describe('The command line, for bash or sh.'),
        stdin: z.string().max(MAX_STDIN_CHARS).optional().describe('What the command reads as its input.'),
        timeout_seconds: z
          .number()
          .positive()
          .max(maxSeconds)
          .optional()
          .describe(`How long it may run. Default and maximum: ${maxSeconds}.`),
      }),
      run: async ({ command, stdin = '', timeout_seconds = maxSeconds }, { signal }) => {
        const { end, notes } = await run({ line: command, stdin, limitMs: timeout_seconds * 1000 }, signal);
        const isError = end.status !== 'exited' || notes.length > 0;
        return new ToolReply({ text: [...notes, textOf(end)].join('\n'), isError });
      },
    }),
  ];
}

function descriptionOf({ isSandboxed, hasNetwork }: ShellDescription): string {
  const place = isSandboxed
    ? 'Only the directory of your workspace and /tmp can be written; /tmp is empty for each command.'
    : 'The command starts in the directory of your workspace.';
  const network = hasNetwork || !isSandboxed ? '' : ' There is no network.';
  return `Runs a command line in your workspace and returns its exit status and its output. ${place}${network} Processes that the command leaves behind are ended with it.`;
}

function textOf(end: CommandEnd): string {
  switch (end.status) {
    case 'exited':
      return `Exit status ${end.code}. ${outputIn(end.output)}`;
    case 'stopped':
      return `The command was ended because ${end.limit}. ${outputIn(end.output)}`;
    case 'failed':
      return `The command did not start: ${end.problem}`;
  }
}

function outputIn(output: string): string {
  return output === '' ? 'No output.' : `Output:\n${output}`;
}
