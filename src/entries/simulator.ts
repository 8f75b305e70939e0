export { Directive } from '../simulator/directive.ts';
export type { LoggedHeader, LoggedRequest, RequestListener } from '../simulator/request-log.ts';
export { Match, parseScript, Rule, Script, type ScriptInput } from '../simulator/script.ts';
export { type Simulator, type SimulatorOptions, startSimulator } from '../simulator/simulator.ts';
