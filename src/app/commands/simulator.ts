import { readFile } from 'node:fs/promises';
import { parse as parseYaml } from 'yaml';
import { systemFaultText } from '../../contract/system-fault.ts';
import { ErrandError, messageOf } from '../../errors.ts';
import { parseScript, type ScriptInput } from '../../simulator/script.ts';
import { startSimulator } from '../../simulator/simulator.ts';
import { cannotRead } from '../cannot-read.ts';
import { EXIT } from '../exit-code.ts';
import type { Screen } from '../screen/screen.ts';
import { aborted, onStop } from '../stopping.ts';

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
    const message = `--script ${file} cannot be read: ${systemFaultText(error)}`;
    throw cannotRead(file, error) ?? new ErrandError('CONFIG_INVALID', message, { cause: error });
  });
  try {
    return parseScript(parseYaml(text));
  } catch (error) {
    throw new ErrandError('CONFIG_INVALID', `--script ${file}: ${messageOf(error)}`, { cause: error });
  }
}
