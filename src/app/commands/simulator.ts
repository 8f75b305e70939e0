import { readFile } from 'node:fs/promises';
import { parse as parseYaml } from 'yaml';
import { systemFaultText } from '../../contract/system-fault.ts';
import { ErrandError, isErrandError } from '../../errors.ts';
import { parseScript, type ScriptInput } from '../../simulator/script.ts';
import { startSimulator } from '../../simulator/simulator.ts';
import { cannotRead } from '../cannot-read.ts';
import { EXIT } from '../exit-code.ts';
import type { Screen } from '../screen/screen.ts';
import { aborted, onStop } from '../stopping.ts';
import { faultText, yamlFault } from '../syntax.ts';

/** `host`, `port`: the address to listen on. `script`: the file of its script, as JSON or YAML. */
export type SimulatorFlags = { host: string; port: string; script?: string };

/**
 * Serves the simulator until a signal asks to stop.
 *
 * @throws ErrandError `USAGE_INVALID`, `FILE_NOT_FOUND` or `CONFIG_INVALID` for its flags and its script;
 * `ADDRESS_IN_USE`.
 */
export async function simulator({ host, port, script }: SimulatorFlags, screen: Screen): Promise<number> {
  const stopping = onStop();
  const running = await startSimulator({
    host,
    port: portOf(port),
    ...(script !== undefined && { script: await readScript(script) }),
  });
  screen.print(`simulator at ${running.url}`);
  screen.note(`base_url ${running.url}/v1 for the wires responses and chat, ${running.url} for messages`);
  await aborted(stopping);
  await running.close();
  return EXIT.ok;
}

function portOf(text: string): number {
  const port = Number(text);
  if (/^\d+$/.test(text) && port <= 65_535) return port;
  throw new ErrandError('USAGE_INVALID', `--port: expected a port from 0 to 65535, got "${text}"`, {
    remedy: 'Pass a port such as --port 4010, or --port 0 for a free port.',
  });
}

async function readScript(file: string): Promise<ScriptInput> {
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    throw cannotRead(file, error) ?? scriptInvalid(file, `cannot be read, because ${systemFaultText(error)}`, error);
  });
  try {
    return parseScript(yamlIn(text, file));
  } catch (error) {
    if (!isErrandError(error) || error.problems.length === 0) throw error;
    throw scriptInvalid(file, error.problems.map(({ path, message }) => `${path}: ${message}`).join('; '), error);
  }
}

function yamlIn(text: string, file: string): unknown {
  try {
    return parseYaml(text, { logLevel: 'error' });
  } catch (error) {
    throw scriptInvalid(file, `is not YAML: ${faultText(yamlFault(error))}`, error);
  }
}

function scriptInvalid(file: string, what: string, cause: unknown): ErrandError {
  const remedy = `Correct ${file}, or pass another script with --script FILE.`;
  return new ErrandError('CONFIG_INVALID', `--script ${file}: ${what}`, { cause, remedy });
}
