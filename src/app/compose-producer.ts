import { ErrandError } from '../errors.ts';
import { Producer } from '../producer/producer.ts';
import type { Config } from './config.ts';
import { routingOf } from './routing.ts';

const DAY_SECONDS = 24 * 3600;

/** How long records are kept once a batch has settled, in seconds. */
export function retentionSecondsOf(config: Config): number {
  return Math.ceil(config.tasks.retention_days * DAY_SECONDS);
}

/** The Redis of the configuration. @throws ErrandError `CONFIG_INVALID` where none is named. */
export function redisUrlOf(config: Config): string {
  if (config.redis_url) return config.redis_url;
  throw new ErrandError('CONFIG_INVALID', 'no Redis is configured: set REDIS_URL, such as redis://127.0.0.1:6379');
}

/** Builds a producer from the configuration. */
export function composeProducer(config: Config, onError: (error: Error) => void = () => undefined): Producer {
  return new Producer({
    redisUrl: redisUrlOf(config),
    prefix: config.prefix,
    routing: routingOf(config),
    limits: config.limits,
    tries: config.tasks.tries,
    backoffMs: config.tasks.backoff_ms,
    ingestTimeoutMs: config.tasks.ingest_timeout_ms,
    retentionSeconds: retentionSecondsOf(config),
    connectWithinMs: 3_000,
    onError,
  });
}
