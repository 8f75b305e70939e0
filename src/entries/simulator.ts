/** The library for tests: a local server that speaks the wires of all providers and costs nothing. */
import { optionsIn, SimulatorOptionsShape } from '../app/config-options.ts';
import { parseScript } from '../simulator/script.ts';
import { type Simulator, type SimulatorOptions, startSimulator as start } from '../simulator/simulator.ts';

export { Directive } from '../simulator/directive.ts';
export type { LoggedHeader, LoggedRequest, RequestListener } from '../simulator/request-log.ts';
export { Match, parseScript, Rule, Script, type ScriptInput } from '../simulator/script.ts';
export type { Simulator, SimulatorOptions } from '../simulator/simulator.ts';

/**
 * Starts a server that speaks OpenAI Responses, OpenAI Chat Completions and Anthropic Messages, streamed or not.
 *
 * @throws ErrandError `CONFIG_INVALID` if an option is unknown or the script does not parse; `ADDRESS_IN_USE` or
 * `CONFIG_INVALID` if it cannot listen.
 */
export async function startSimulator(options: SimulatorOptions = {}): Promise<Simulator> {
  const { script, ...given } = optionsIn(SimulatorOptionsShape, options);
  return start({ ...given, ...(script !== undefined && { script: parseScript(script) }) });
}
