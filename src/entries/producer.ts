/**
 * The library for producers: enqueue batches, read their status and outcomes, cancel them.
 *
 * It loads no provider SDK, so that a web app stays small.
 */
import { composeProducer } from '../app/compose-producer.ts';
import { loadConfig, processEnvironment, processSecrets } from '../app/config.ts';
import { guarded, optionsIn, ProducerOptionsShape, settingsIn } from '../app/config-options.ts';
import type { Producer } from '../producer/producer.ts';

export type { BatchInput, BatchStatus, BatchSummary, Counts, Receipt, WaitsFor } from '../contract/batch.ts';
export type { CleanupRecord, CleanupStep } from '../contract/cleanup.ts';
export { REASONING_EFFORTS, type ReasoningEffort } from '../contract/effort.ts';
export type { ErrandEvent } from '../contract/events.ts';
export type { Failure } from '../contract/failure.ts';
export { jsonSchemas } from '../contract/json-schema.ts';
export type { Answer, Attempt, Outcome } from '../contract/outcome.ts';
export type { RouteAudit, RouteRequest } from '../contract/route.ts';
export type { Budget, TaskSpec } from '../contract/task.ts';
export type { Usage } from '../contract/usage.ts';
export { ErrandError, FAILURES, type FailureCode, isErrandError, isFailureCode, type Problem } from '../errors.ts';
export { batchIdOf, taskIdOf } from '../producer/derived-ids.ts';
export type { Producer } from '../producer/producer.ts';

/** The options of {@link createProducer}. */
export type CreateProducerOptions = {
  /** The address of Redis, such as `redis://127.0.0.1:6379`. @default `REDIS_URL`, then the configuration file */
  redis?: string;
  /**
   * The configuration file; use the file of the workers, so that both have the same providers. @default as for workers
   */
  config?: string;
  /** Settings that win over the file, in the form of the file: `{ delegation: { provider: 'openai' } }`. */
  settings?: Record<string, unknown>;
  /**
   * Called when a connection is lost or a listener throws. Calls fail separately, with `REDIS_UNAVAILABLE`. If
   * `onError` itself throws or rejects, the process emits a warning.
   * @default a warning of the process about a listener that throws
   */
  onError?: (error: Error) => void;
};

/**
 * Opens a producer. Make one for each process and close it at the end.
 *
 * @throws ErrandError `CONFIG_INVALID`.
 */
export function createProducer(options: CreateProducerOptions = {}): Producer {
  const { onError, ...given } = optionsIn(ProducerOptionsShape, options);
  const { environment, overrides } = settingsIn(given);
  const config = loadConfig({ ...processEnvironment(), ...environment }, overrides);
  return composeProducer(config, processSecrets(), guarded(onError));
}
