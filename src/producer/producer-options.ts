import type { Limits } from '../contract/limits.ts';
import type { RedisTarget } from '../redis/target.ts';
import type { RoutingTable } from '../routes/table.ts';

/** What a producer needs to know of its deployment. Times in milliseconds. */
export type ProducerOptions = {
  redis: RedisTarget;
  prefix: string;
  routing: RoutingTable;
  /** The names of the toolsets that every worker has. */
  toolsets: readonly string[];
  limits: Limits;
  /** Tries of a task, and the first back-off between them. */
  tries: number;
  backoffMs: number;
  ingestTimeoutMs: number;
  retentionSeconds: number;
  /** How long a call waits for a Redis that is away before it fails. */
  connectWithinMs: number;
  /** Hears of connection errors; they are also thrown from the call that met them. */
  onError: (error: Error) => void;
};
