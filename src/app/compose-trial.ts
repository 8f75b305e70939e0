import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Toolset } from '../agent/toolset.ts';
import { Redactor } from '../base/secret.ts';
import type { SecretReader } from '../credentials/secrets.ts';
import { createLog } from '../telemetry/log.ts';
import { type Observer, unobserved } from '../telemetry/observer.ts';
import type { ToolListStore } from '../tools/mcp/tool-lists.ts';
import { Releasers } from '../worker/holding/releasers.ts';
import type { TrialDeps } from '../worker/trial.ts';
import { composeMcp } from './compose-mcp.ts';
import { composeToolsets, type OwnToolset } from './compose-toolsets.ts';
import type { Config } from './config.ts';
import { optionalToolsets } from './optional-toolsets.ts';

/** The configuration, the own toolsets and the secrets of trials, and the signal that ends them. */
export type TrialOptions = {
  config: Config;
  own: readonly OwnToolset[];
  secrets: SecretReader;
  signal: AbortSignal;
};

/** A toolset, and the file that it comes from; `built-in` for one of Errand itself. */
export type SourcedToolset = { toolset: Toolset; from: string };

/** What a command needs to list and to try the toolsets of a worker. */
export type TrialParts = { deps: TrialDeps; toolsets: readonly SourcedToolset[] };

/** A trial asks each MCP server for its tools. */
const NOTHING_KEPT: ToolListStore = { read: async () => null, write: async () => undefined };

const NO_OBSERVER: Observer = { begin: () => unobserved };

/**
 * Makes the toolsets of a worker for trials, and passes them to `use`. Workspaces are in a temporary directory, which
 * is removed afterwards; the lines of tools go to standard error.
 *
 * @throws ErrandError `CONFIG_INVALID` for own toolsets that do not fit, or a sandbox of `shell` that does not work.
 */
export async function withTrialParts<T>(options: TrialOptions, use: (parts: TrialParts) => Promise<T>): Promise<T> {
  const { config, own, secrets, signal } = options;
  const root = await mkdtemp(join(tmpdir(), 'errand-tools-'));
  try {
    const there = { ...config, worker: { ...config.worker, workspace_root: root } };
    const redactor = new Redactor();
    const output = process.stderr;
    const log = createLog({ level: config.worker.log_level, isPretty: output.isTTY === true, redactor, output });
    const servers = composeMcp(config, { log, redactor, secrets, lists: NOTHING_KEPT });
    const toolsets = composeToolsets(there, own, [...(await optionalToolsets(there)), ...servers.toolsets]);
    const { builtInKinds: kinds, ownKinds } = toolsets;
    const deps = {
      ...{ toolsets, signal, watchdogs: config.watchdogs, observer: NO_OBSERVER },
      log,
      releasers: new Releasers({ redactor, observer: NO_OBSERVER, kinds, ownKinds }),
    };
    const files = new Map(own.map(({ toolset, from }) => [toolset, from]));
    const sourced = toolsets.named(toolsets.names).map((toolset) => ({
      toolset,
      from: files.get(toolset) ?? 'built-in',
    }));
    return await use({ deps, toolsets: sourced });
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}
