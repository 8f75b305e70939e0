import type { SecretReader } from '../credentials/secrets.ts';
import { Producer } from '../producer/producer.ts';
import { routingTable } from '../routes/table.ts';
import { BUILT_IN_TOOLSETS } from '../tools/names.ts';
import type { Config } from './config.ts';
import { redisOf } from './redis-settings.ts';

const DAY_SECONDS = 24 * 3600;

/** Returns how long records are kept after a batch settles, in seconds. */
export function retentionSecondsOf(config: Config): number {
  return Math.ceil(config.tasks.retention_days * DAY_SECONDS);
}

/** Builds a producer from the configuration. */
export function composeProducer(
  config: Config,
  secrets: SecretReader,
  onError: (error: Error) => void = () => undefined,
): Producer {
  return new Producer({
    redis: redisOf(config, secrets),
    prefix: config.prefix,
    routing: routingTable(config),
    toolsets: BUILT_IN_TOOLSETS,
    limits: config.limits,
    tries: config.tasks.tries,
    backoffMs: config.tasks.backoff_ms,
    ingestTimeoutMs: config.tasks.ingest_timeout_ms,
    retentionSeconds: retentionSecondsOf(config),
    connectWithinMs: 3_000,
    onError,
  });
}
