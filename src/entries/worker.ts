/** The library for those who run workers inside a process of their own, rather than with `errand worker`. */
import type { Toolset } from '../agent/toolset.ts';
import { type RunningWorker, startWorker } from '../app/compose-worker.ts';
import { loadConfig, processEnvironment, processSecrets } from '../app/config.ts';
import { optionsIn, settingsIn, WorkerOptionsShape } from '../app/config-options.ts';
import { overWorker } from '../app/over-worker.ts';
import { Redactor } from '../base/secret.ts';
import { createLog } from '../telemetry/log.ts';
import type { Observer } from '../telemetry/observer.ts';

export type { Hold, Released, Resource, ResourceKind, RowNames } from '../agent/resource.ts';
export { type CallContext, defineTool, type ObjectSchema, type Tool, type ToolClass } from '../agent/tool.ts';
export type { ToolLog, ToolSession } from '../agent/tool-session.ts';
export {
  defineToolset,
  type FoundFile,
  type OpenToolset,
  type Toolset,
  type ToolsetDefinition,
} from '../agent/toolset.ts';
export type { RunningWorker } from '../app/compose-worker.ts';
export type { Observer } from '../telemetry/observer.ts';
export type { Step, StepEnd } from '../telemetry/step.ts';

/** What {@link createWorker} takes. */
export type CreateWorkerOptions = {
  /** Where Redis is. Falls back to `REDIS_URL`, then to the configuration file. */
  redis?: string;
  /** The configuration file; falls back to `ERRAND_CONFIG`, then to `errand.config.yaml`. */
  config?: string;
  /** The providers whose tasks it takes, over `worker.only`. @default all providers */
  only?: string[];
  /** Tasks at a time in each lane, over `worker.concurrency`. @default 50 */
  concurrency?: number;
  /** Toolsets of the program, beside the built-in ones. A task asks for them by name. */
  toolsets?: readonly Toolset[];
  /** Settings over those of the file, in its form. */
  settings?: Record<string, unknown>;
  /** Where log lines go. @default process.stdout */
  output?: NodeJS.WritableStream;
  /** See every step of the worker. What they throw is logged once and harms no task. */
  observers?: Observer[];
};

/**
 * Starts a worker and resolves once it takes tasks. It handles no signals: call `drain` from your own handler.
 *
 * @throws ErrandError `CONFIG_INVALID`, also for toolsets that do not fit; `ADDRESS_IN_USE` if its health port is in use.
 */
export async function createWorker(options: CreateWorkerOptions = {}): Promise<RunningWorker> {
  const {
    only,
    concurrency,
    output = process.stdout,
    observers = [],
    toolsets = [],
    ...given
  } = optionsIn(WorkerOptionsShape, options);
  const { environment, overrides } = settingsIn(given);
  const choice = { only, concurrency };
  const config = loadConfig({ ...processEnvironment(), ...environment }, overWorker(overrides, choice));
  const redactor = new Redactor();
  const log = createLog({ level: config.worker.log_level, isPretty: false, redactor, output });
  return startWorker(config, { log, redactor, secrets: processSecrets(), observers, toolsets });
}
