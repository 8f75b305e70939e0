import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type Deployment, deploymentHash } from '../../base/deployment.ts';
import { clip, oneLine } from '../../base/text.ts';
import { ErrandError, messageOf } from '../../errors.ts';
import { type CommandEnd, Commands, type ShellMeans } from './commands.ts';

const LIMIT_MS = 10_000;
const REMEDY =
  'Install bubblewrap 0.8 or later and util-linux (apt-get install bubblewrap util-linux), and allow user namespaces to the worker. Or set shell.enabled: false on this worker, or shell.sandbox: none to run commands with every right of the worker.';

/**
 * Runs a command in the sandbox, in a directory of its own.
 * @throws ErrandError `CONFIG_INVALID` if it does not work here.
 */
export async function probeSandbox(deployment: Deployment, means: ShellMeans): Promise<void> {
  const directory = await mkdtemp(join(deployment.workspaceRoot, '.probe-'));
  try {
    const place = { directory, maxFileBytes: () => 4_096, recount: async () => null };
    const commands = new Commands(`${deploymentHash(directory)}:probe/${randomUUID()}`, place, means);
    const request = { line: 'cat', stdin: 'ready', limitMs: LIMIT_MS };
    const end = await commands.run(request, AbortSignal.timeout(LIMIT_MS)).catch(failed);
    await commands.close();
    if (end.status === 'exited' && end.code === 0 && end.output === 'ready') return;
    throw refusal(means, end);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

function failed(error: unknown): CommandEnd {
  return { status: 'failed', problem: messageOf(error) };
}

function refusal({ settings }: ShellMeans, end: CommandEnd): ErrandError {
  const message = `shell.sandbox: the sandbox "${settings.sandbox}" does not work here: ${clip(oneLine(saidBy(end)), 400)}`;
  return new ErrandError('CONFIG_INVALID', message, { remedy: REMEDY });
}

function saidBy(end: CommandEnd): string {
  switch (end.status) {
    case 'exited':
      return `exit status ${end.code}: ${end.output}`;
    case 'stopped':
      return end.limit;
    case 'failed':
      return end.problem;
  }
}
