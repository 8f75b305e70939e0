/** The library for programs that run a worker in their own process instead of `errand worker`. */
import type { Toolset } from '../agent/toolset.ts';
import { toolsetsOfProgram } from '../app/compose-toolsets.ts';
import { type RunningWorker, startWorker } from '../app/compose-worker.ts';
import { loadConfig, processEnvironment, processSecrets } from '../app/config.ts';
import { optionsIn, settingsIn, WorkerOptionsShape } from '../app/config-options.ts';
import { overWorker } from '../app/over-worker.ts';
import { loadToolModules } from '../app/tool-modules.ts';
import { Redactor } from '../base/secret.ts';
import { createLog } from '../telemetry/log.ts';
import type { Observer } from '../telemetry/observer.ts';

export type { Hold, Released, Resource, ResourceKind, RowNames } from '../agent/resource.ts';
export {
  type CallContext,
  defineTool,
  type ObjectSchema,
  type Tool,
  type ToolClass,
  type ToolOutput,
} from '../agent/tool.ts';
export { type JsonValue, ToolReply, type ToolReplyFields } from '../agent/tool-reply.ts';
export type { ToolLog, ToolSession } from '../agent/tool-session.ts';
export {
  defineToolset,
  type FoundFile,
  type OpenToolset,
  type Toolset,
  type ToolsetDefinition,
} from '../agent/toolset.ts';
export type { WorkspaceAccess } from '../agent/workspace-access.ts';
export type { RunningWorker } from '../app/compose-worker.ts';
export type { ToolImage } from '../contract/tool-image.ts';
export type { Observer } from '../telemetry/observer.ts';
export type { Step, StepEnd } from '../telemetry/step.ts';

/** The options of {@link createWorker}. */
export type CreateWorkerOptions = {
  /** The address of Redis. @default `REDIS_URL`, then the configuration file */
  redis?: string;
  /** The configuration file. @default `ERRAND_CONFIG`, then `errand.config.yaml` */
  config?: string;
  /** The providers whose tasks the worker takes; wins over `worker.only`. @default all providers */
  only?: string[];
  /** Tasks at a time in each lane; wins over `worker.concurrency`. @default 50 */
  concurrency?: number;
  /** Toolsets of the program, beside the built-in ones and `tool_modules`. A task asks for them by name. */
  toolsets?: readonly Toolset[];
  /** Settings that win over the file, in the form of the file. */
  settings?: Record<string, unknown>;
  /** The stream for log lines. @default process.stdout */
  output?: NodeJS.WritableStream;
  /** Called for every step of the worker. An error in an observer is logged once and does not affect tasks. */
  observers?: Observer[];
};

/**
 * Starts a worker and resolves once it takes tasks. It handles no signals: call `drain` from your own handler.
 *
 * @throws ErrandError `CONFIG_INVALID`, also for invalid toolsets; `ADDRESS_IN_USE` if its health port is in use.
 */
export async function createWorker(options: CreateWorkerOptions = {}): Promise<RunningWorker> {
  const {
    only,
    concurrency,
    output = process.stdout,
    observers = [],
    toolsets: passed = [],
    ...given
  } = optionsIn(WorkerOptionsShape, options);
  const { environment, overrides } = settingsIn(given);
  const choice = { only, concurrency };
  const config = loadConfig({ ...processEnvironment(), ...environment }, overWorker(overrides, choice));
  const secrets = processSecrets();
  const toolsets = [...toolsetsOfProgram(passed), ...(await loadToolModules(config.tool_modules))];
  const redactor = new Redactor();
  const log = createLog({ level: config.worker.log_level, isPretty: false, redactor, output });
  return startWorker(config, { log, redactor, secrets, observers, toolsets });
}
