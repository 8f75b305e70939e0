export { Directive } from './directive.ts';
export type { LoggedHeader, LoggedRequest, RequestListener } from './request-log.ts';
export { Match, parseScript, Rule, Script, type ScriptInput } from './script.ts';
export { type Simulator, type SimulatorOptions, startSimulator } from './simulator.ts';
