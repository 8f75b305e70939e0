import { stat } from 'node:fs/promises';
import { extname } from 'node:path';
import { pathToFileURL } from 'node:url';
import { oneLine } from '../base/text.ts';
import { withinTime } from '../base/within-time.ts';
import { typeOf } from '../contract/plain-json.ts';
import { systemFaultText } from '../contract/system-fault.ts';
import { messageOf, type Problem } from '../errors.ts';
import type { OwnToolset } from './compose-toolsets.ts';
import { type Config, dropVariables } from './config.ts';
import { configInvalid } from './config-fault.ts';
import { secretVariables } from './secret-variables.ts';

const ENDINGS = ['.ts', '.mts', '.mjs', '.js'];
const EXPECTED = 'a toolset made by defineToolset, or a list of toolsets';

/** How long a module may take to load: it may connect to a service before its toolsets are ready. */
const LOAD_WITHIN_MS = 30_000;

/** How Node names the two reasons why it does not run a TypeScript file. */
const WORDS = new Map([
  [
    'ERR_UNSUPPORTED_NODE_MODULES_TYPE_STRIPPING',
    'Node runs no TypeScript under node_modules; move the file out of it, or build it to .mjs',
  ],
  ['ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX', 'Node only strips types; replace this syntax, or build the file to .mjs'],
]);

/**
 * Loads the tool modules in the process of a command. First takes the variables of secrets out of `process.env`, so
 * that no module and no process that it starts gets them by accident. Read the secrets of the worker before.
 *
 * @throws ErrandError `CONFIG_INVALID`, as {@link loadToolModules} does.
 */
export async function loadOwnTools(config: Config): Promise<OwnToolset[]> {
  if (config.tool_modules.length === 0) return [];
  dropVariables(secretVariables(config));
  return loadToolModules(config.tool_modules);
}

/**
 * Imports the modules of `tool_modules` in their order, and returns their toolsets, not yet checked. A loaded module
 * cannot be unloaded, and one that blocks the process cannot be interrupted.
 *
 * @throws ErrandError `CONFIG_INVALID` with a problem for each module that is missing, throws, does not finish within
 *   `limitMs` milliseconds, or exports something else.
 */
export async function loadToolModules(paths: readonly string[], limitMs = LOAD_WITHIN_MS): Promise<OwnToolset[]> {
  const found: OwnToolset[] = [];
  const problems: Problem[] = [];
  for (const [index, path] of paths.entries()) {
    const at = `tool_modules.${index}`;
    try {
      await assertFile(path);
      found.push(...toolsetsOf(await importWithin(path, limitMs), { at, from: path }));
    } catch (error) {
      problems.push({ path: at, message: oneLine(messageOf(error)) });
    }
  }
  if (problems.length === 0) return found;
  const [first, ...others] = problems.map(({ path }) => paths[Number(path.slice('tool_modules.'.length))]);
  const files = others.length > 0 ? `${first} and ${others.length} other files` : first;
  const remedy = `Correct tool_modules or ${files}. To see where a module fails, run it: node ${first}`;
  throw configInvalid(problems, remedy);
}

async function assertFile(path: string): Promise<void> {
  const expected = `expected a file that ends in ${ENDINGS.join(', ')}`;
  if (!ENDINGS.includes(extname(path))) throw new Error(`${expected}, got ${path}`);
  const found = await stat(path).catch((error: unknown) => {
    throw new Error(`${expected}; ${path} cannot be read: ${systemFaultText(error)}`);
  });
  if (!found.isFile()) throw new Error(`${expected}; ${path} is not a file`);
}

async function importWithin(path: string, limitMs: number): Promise<Readonly<Record<string, unknown>>> {
  const late = () => new Error(`timed out after ${limitMs / 1000} s`);
  try {
    return await withinTime(import(pathToFileURL(path).href), limitMs, late);
  } catch (error) {
    const words = WORDS.get(Object(error).code);
    const what = words === undefined ? messageOf(error) : `${messageOf(error)} (${words})`;
    throw new Error(`expected a module that loads; ${path} failed: ${what}`, { cause: error });
  }
}

function toolsetsOf(
  module: Readonly<Record<string, unknown>>,
  { at, from }: Pick<OwnToolset, 'at' | 'from'>,
): OwnToolset[] {
  const { default: exported } = module;
  if (Array.isArray(exported) && exported.length > 0) {
    return exported.map((toolset: unknown, index) => ({ at: `${at}.${index}`, from, toolset }));
  }
  if (typeOf(exported) === 'object') return [{ at, from, toolset: exported }];
  const got = Array.isArray(exported) ? 'an empty list' : typeOf(exported);
  throw new Error(`expected the default export of ${from} to be ${EXPECTED}, got ${got}`);
}
