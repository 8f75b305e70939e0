import { relative } from 'node:path';
import { isObject, parseForeign } from '../../base/foreign.ts';
import { oneLine, quoted } from '../../base/text.ts';
import type { ToolResult } from '../../contract/checkpoint.ts';
import type { CleanupRecord } from '../../contract/cleanup.ts';
import type { SecretReader } from '../../credentials/secrets.ts';
import { ErrandError, messageOf } from '../../errors.ts';
import { tryToolsets } from '../../worker/trial.ts';
import { closePrototypes } from '../close-prototypes.ts';
import { type TrialParts, withTrialParts } from '../compose-trial.ts';
import { type Config, loadConfig, processSecrets } from '../config.ts';
import { EXIT, errorTextOf } from '../exit-code.ts';
import { redisOf } from '../redis-settings.ts';
import type { Screen } from '../screen/screen.ts';
import { table } from '../screen/table.ts';
import { onStop } from '../stopping.ts';
import { loadOwnTools } from '../tool-modules.ts';
import { announcedToolsets, type ListedToolset, listToolsets } from '../toolset-list.ts';

/** `call`: the tool to run once. `args`: its arguments as JSON. */
export type ToolsFlags = { json?: boolean; call?: string; args?: string };

/** One call of a tool, as a command line names it. */
type Trial = { tool: string; args: string };

/**
 * Lists the tools of workers with this configuration, or runs one of them once outside of any task. Returns 1 if a
 * toolset could not be opened, or if the call failed or left a resource behind.
 *
 * @throws ErrandError `CONFIG_INVALID`, exactly as a worker would; `USAGE_INVALID` for an unknown tool or arguments
 * that are not a JSON object.
 */
export async function tools({ json = false, call, args }: ToolsFlags, screen: Screen): Promise<number> {
  const trial = trialOf(call, args);
  const signal = onStop();
  const config = loadConfig();
  const secrets = processSecrets();
  const own = await loadOwnTools(config);
  // A tool must find the prototypes as it finds them in a worker.
  closePrototypes();
  const exitCode = await withTrialParts({ config, own, secrets, signal }, async (parts) => {
    if (trial) return callTool(trial, parts, { json, screen });
    const listed = await listToolsets(parts);
    return show(listed, await askWorkers(config, secrets, screen), { json, screen });
  }).catch((error: unknown) => {
    if (!signal.aborted) throw error;
    return EXIT.interrupted;
  });
  // A tool module may hold a connection or a timer, which would keep the process running.
  if (config.tool_modules.length > 0) process.exit(exitCode);
  return exitCode;
}

type Output = { json: boolean; screen: Screen };

function trialOf(tool: string | undefined, args: string | undefined): Trial | null {
  const remedy = `Write errand tools --call find_order --args '{"number":7}'.`;
  if (tool === undefined) {
    if (args === undefined) return null;
    throw new ErrandError('USAGE_INVALID', '--args needs --call with the name of a tool', { remedy });
  }
  if (!isObjectText(args ?? '{}')) {
    throw new ErrandError('USAGE_INVALID', '--args: expected a JSON object', { remedy });
  }
  return { tool, args: args ?? '{}' };
}

function isObjectText(text: string): boolean {
  try {
    return isObject(parseForeign(text));
  } catch {
    return false;
  }
}

/** Returns the toolsets that live workers announce; `null`, after a note, if Redis does not say. */
async function askWorkers(config: Config, secrets: SecretReader, screen: Screen): Promise<readonly string[] | null> {
  if (!config.redis) return null;
  try {
    const served = await announcedToolsets(redisOf(config, secrets), config.prefix);
    return served.status === 'served' ? [...new Set(served.names)].sort() : [];
  } catch (error) {
    screen.note(`The workers were not asked: ${oneLine(messageOf(error))}`);
    return null;
  }
}

function show(listed: readonly ListedToolset[], announced: readonly string[] | null, { json, screen }: Output): number {
  const exitCode = listed.every(({ error }) => error === null) ? EXIT.ok : EXIT.failed;
  if (json) {
    screen.json({ toolsets: listed, announced });
    return exitCode;
  }
  screen.print(table(listed.flatMap(rowsOf), { width: screen.width }));
  for (const { name, error } of listed) {
    if (error !== null) screen.note(`toolset ${quoted(name)} cannot be opened: ${oneLine(error)}`);
  }
  if (announced) screen.note(`Toolsets of live workers: ${announced.join(', ') || 'none'}.`);
  return exitCode;
}

function rowsOf({ name: toolset, from, tools: found }: ListedToolset): Record<string, string>[] {
  const place = from === 'built-in' ? from : relative('.', from);
  if (found.length === 0) return [{ toolset, tool: '–', class: '', from: place, description: '' }];
  return found.map((tool) => ({
    toolset,
    tool: tool.name,
    class: tool.class,
    from: place,
    description: tool.description,
  }));
}

/** Runs one call, prints what the model would read, and says what stays behind. */
async function callTool(trial: Trial, parts: TrialParts, { json, screen }: Output): Promise<number> {
  const { deps } = parts;
  for (const name of candidatesFor(trial.tool, parts)) {
    const ended = await tryToolsets([name], deps, async (opened, signal) => {
      if (!opened.toolsOf(name).some(({ definition }) => definition.name === trial.tool)) return null;
      const call = { id: 'trial', name: trial.tool, arguments: trial.args };
      const onProgress = (text: string) => screen.note(`progress: ${oneLine(text)}`);
      return opened.tools.call(call, { place: '1.1', signal, limitMs: deps.watchdogs.tool_ms, onProgress });
    });
    deps.signal.throwIfAborted();
    const isClean = noteOpenRows(ended.cleanup, screen);
    if (ended.status === 'failed') {
      screen.note(errorTextOf(ended.error).text);
      return EXIT.failed;
    }
    if (ended.value) return showResult(trial.tool, ended.value, { json, screen }) && isClean ? EXIT.ok : EXIT.failed;
  }
  const known = (await listToolsets(parts)).flatMap((listed) => listed.tools.map(({ name }) => name));
  const message = `--call: no toolset has the tool ${quoted(trial.tool)}; known: ${known.sort().join(', ')}`;
  throw new ErrandError('USAGE_INVALID', message, { remedy: 'List the tools: errand tools' });
}

/** Returns the toolset that is known to have the tool, or those that may have it once they are open. */
function candidatesFor(tool: string, { toolsets }: TrialParts): string[] {
  const owner = toolsets.find(({ toolset }) => toolset.tools?.some(({ definition }) => definition.name === tool));
  const candidates = owner ? [owner] : toolsets.filter(({ toolset }) => toolset.tools === null);
  return candidates.map(({ toolset }) => toolset.name);
}

/** Prints a result, and tells whether the call succeeded. */
function showResult(tool: string, result: ToolResult, { json, screen }: Output): boolean {
  const { call_id: _, ...shown } = result;
  if (json) screen.json({ tool, ...shown });
  else screen.print(result.text);
  return !result.is_error;
}

/** Notes the resources that could not be released, and tells whether all were released. */
function noteOpenRows({ steps, open }: CleanupRecord, screen: Screen): boolean {
  for (const { kind, ref, status, detail } of steps) {
    if (status === 'open') screen.note(oneLine(`still held: ${kind} ${ref}: ${detail}`));
  }
  return open === 0;
}
