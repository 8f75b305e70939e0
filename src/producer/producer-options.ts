import type { Limits } from '../contract/limits.ts';
import type { RedisTarget } from '../redis/target.ts';
import type { RoutingTable } from '../routes/table.ts';

/** What a producer needs to know about its deployment. Times in milliseconds. */
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
  /** How long a call waits for an unavailable Redis before it fails. */
  connectWithinMs: number;
  /** Called with connection errors. The call that met one throws it too. */
  onError: (error: Error) => void;
};
