import { basename } from 'node:path';
import type { Deployment } from '../../base/deployment.ts';
import type { Redactor } from '../../base/secret.ts';
import { clip } from '../../base/text.ts';
import { messageOf } from '../../errors.ts';
import { type GuardedProcess, startGuarded } from '../../processes/guarded-process.ts';
import { newProcessTag, PROCESS } from '../../processes/process-kind.ts';
import { McpConnection } from './connection.ts';
import { type EnvironmentDeps, environmentOf } from './environment.ts';
import type { Places } from './places.ts';
import { holderName, type ServerHolder } from './server-holder.ts';
import type { McpServer } from './settings.ts';
import { NotStarted } from './start-pause.ts';
import { stdioTransport } from './stdio-transport.ts';

/** How long a server may take to end after the end of its input, and again after TERM. */
const GRACE_MS = 1_000;
const ERROR_CHARS = 1_000;

/** What starting a server needs. `guardPath` finds the guard; `null` if none runs here. */
export type ServerProcessDeps = EnvironmentDeps & {
  deployment: Deployment;
  places: Places;
  guardPath: () => Promise<string | null>;
};

/**
 * Starts the process of a server and connects to it. Waits for a place. `name` is unique among the starts of the holder.
 * @throws NotStarted with the last output of a server that cannot be started or does not answer; what `hold` throws; the
 *   reason of the signal.
 */
export async function startServer(
  server: McpServer,
  holder: ServerHolder,
  name: string,
  deps: ServerProcessDeps,
): Promise<McpConnection> {
  const { signal } = holder;
  const free = await deps.places.take(holderName(holder), signal, holder.askers);
  const started = await heldProcess(server, holder, name, deps).catch((error: unknown) => {
    free();
    throw error;
  });
  void started.exited.then(free);
  try {
    const limits = { limitMs: server.start_timeout_ms, signal };
    // A server that closed its output and runs on has no use, but a place.
    const backing = { isUnguarded: !started.isGuarded, end: () => started.close() };
    return await McpConnection.open(stdioTransport(started), limits, backing);
  } catch (error) {
    await started.close();
    signal.throwIfAborted();
    throw new NotStarted(await whyNotStarted(server, started, error, deps.redactor), { cause: error });
  }
}

async function heldProcess(
  server: McpServer,
  holder: ServerHolder,
  name: string,
  { deployment, guardPath, ...deps }: ServerProcessDeps,
): Promise<GuardedProcess> {
  const [command = '', ...args] = server.command ?? [];
  const tag = newProcessTag(deployment, holder, `mcp-${name}`);
  const environment = await environmentOf(server.env, deps);
  const cwd = server.cwd ?? '.';
  const start = { command, args, cwd, environment, tag, graceMs: GRACE_MS, guardPath: await guardPath() };
  const { tree } = await holder.hold<{ tree: GuardedProcess }>({
    tree: {
      kind: PROCESS,
      ref: tag,
      acquire: () => startGuarded(start),
      live: (started) => started,
      refOf: ({ ref }) => ref,
    },
  });
  return tree;
}

/** Its last output is often the reason. It may contain a secret, which the model and the records must not get. */
async function whyNotStarted(
  { name, command }: McpServer,
  started: GuardedProcess,
  error: unknown,
  redactor: Redactor,
): Promise<string> {
  const { code } = await started.exited;
  const output = redactor.scrub(started.errorText().trim()).slice(-ERROR_CHARS);
  const reason = code === 127 ? `${basename(command?.[0] ?? '')} was not found or cannot be run` : messageOf(error);
  const said = output === '' ? '' : `; its last output: ${clip(output, ERROR_CHARS)}`;
  return `the MCP server "${name}" did not start: ${reason}${said}`;
}
