/**
 * The library for producers: put batches in, see where they stand, read their outcomes, cancel.
 *
 * Loads neither provider SDK, so it is light enough for a web app.
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

/** What {@link createProducer} takes. */
export type CreateProducerOptions = {
  /** Where Redis is, such as `redis://127.0.0.1:6379`. Falls back to `REDIS_URL`, then to the configuration file. */
  redis?: string;
  /** The configuration file that the workers use, so that both know the same providers. Falls back as theirs does. */
  config?: string;
  /** Settings over those of the file, in its form: `{ delegation: { provider: 'openai' } }`. */
  settings?: Record<string, unknown>;
  /**
   * Hears of lost connections and of listeners that throw. Calls fail by themselves, with `REDIS_UNAVAILABLE`.
   * If it throws or rejects, the process gets a warning.
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
