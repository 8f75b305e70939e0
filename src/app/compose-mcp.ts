import type { Log } from '../telemetry/log.ts';
import { type McpDeps, McpServers } from '../tools/mcp/servers.ts';
import { type Config, processEnvironment } from './config.ts';
import { findWorkerGuard } from './worker-guard.ts';

/** The variables that every MCP server gets: what it needs to find programs, and its caches. */
const PASSED_ON = ['PATH', 'HOME'];

/** Makes the MCP servers of a worker. None runs yet. */
export function composeMcp(
  config: Config,
  { log, redactor, secrets, lists }: Pick<McpDeps, 'redactor' | 'secrets' | 'lists'> & { log: Log },
): McpServers {
  const { prefix, worker } = config;
  const environment = processEnvironment();
  const base = Object.fromEntries(PASSED_ON.flatMap((name) => (environment[name] ? [[name, environment[name]]] : [])));
  const deployment = { prefix, workspaceRoot: worker.workspace_root };
  const deps = { base, secrets, redactor, lists, deployment, guardPath: guardOnce(config, log) };
  return new McpServers(config.mcp, deps);
}

/** Finds the guard once, at the first start of a server. The log says if no guard runs here. */
function guardOnce(config: Config, log: Log): () => Promise<string | null> {
  let finding: Promise<string | null> | undefined;
  const find = async () => {
    const found = await findWorkerGuard(config);
    if (found.path === null) log.warn({ reason: found.reason }, 'MCP servers run without the process guard');
    return found.path;
  };
  return () => {
    finding ??= find();
    return finding;
  };
}
