import { Queue } from 'bullmq';
import { isBatchId, parseTaskId } from '../base/ids.ts';
import { connectFaultOf } from '../redis/connect-faults.ts';
import { closeRedis, openRetryingRedis, unavailable } from '../redis/connection.ts';
import type { RetryingRedis } from '../redis/retrying.ts';
import { slotRefusalOf } from '../redis/slot-refusal.ts';
import type { RedisTarget } from '../redis/target.ts';
import { assertSlot } from './inspection.ts';
import { BATCH_QUEUE, GATE_QUEUE, laneOf } from './names.ts';

/** The queues to show, and their Redis. */
export type BoardQueuesOptions = {
  redis: RedisTarget;
  /** Key prefix of everything Errand keeps in Redis. */
  prefix: string;
  /** Providers whose lanes are shown. */
  providers: readonly string[];
};

/** The queues for the board. They share one connection, and the board writes none of their settings. */
export type BoardQueues = {
  batches: Queue;
  gates: Queue;
  lanes: Queue[];
  /** Whether Redis answers commands on our keys at this moment. */
  isConnected(): boolean;
  /** Names the queue that has the batch job or task job of this id; `null` if no shown queue has it. */
  queueOf(id: string): Promise<string | null>;
  close(): Promise<void>;
};

/**
 * Opens the queues of a board. Resolves after the first connection or its failure, and then always reconnects.
 *
 * The client queues commands while Redis is unavailable: see
 * docs/internals/bullmq.md#a-queue-whose-first-command-fails. The board asks `isConnected` before it sends a command.
 *
 * @throws ErrandError `REDIS_UNSUITABLE` if it is a node of a cluster and another node holds our keys;
 * `REDIS_UNAVAILABLE` if TLS or the login fails, or the server is not a Redis.
 */
export async function openBoardQueues({ redis: target, prefix, providers }: BoardQueuesOptions): Promise<BoardQueues> {
  const connection = await connect(target, prefix);
  const open = (name: string): Queue => {
    const queue = new Queue(name, { connection, prefix, skipMetasUpdate: true });
    queue.on('error', ignore);
    return queue;
  };
  const batches = open(BATCH_QUEUE);
  const gates = open(GATE_QUEUE);
  const lanes = providers.map((provider) => open(laneOf(provider)));

  return {
    batches,
    gates,
    lanes,
    isConnected: () => connection.status === 'ready' && slotRefusalOf(connection.refusal ?? '') === null,
    queueOf: async (id) => {
      const candidates = isBatchId(id) ? [batches] : parseTaskId(id) ? lanes : [];
      const jobs = await Promise.all(candidates.map((queue) => queue.getJob(id)));
      return candidates.find((_, position) => jobs[position])?.name ?? null;
    },
    close: async () => {
      closeRedis(connection);
      await Promise.allSettled([batches, gates, ...lanes].map((queue) => queue.close()));
    },
  };
}

/** Resolves with a client after the first connection or a passing fault; rejects if waiting does not help. */
async function connect(target: RedisTarget, prefix: string): Promise<RetryingRedis> {
  const answered = Promise.withResolvers<void>();
  const connection = openRetryingRedis({
    target,
    onError: (error) =>
      connectFaultOf(error, connection.options)?.isLasting ? answered.reject(error) : answered.resolve(),
  });
  connection.once('ready', answered.resolve);
  try {
    await answered.promise;
    if (connection.status === 'ready') await assertSlot(connection, prefix);
    return connection;
  } catch (error) {
    closeRedis(connection);
    throw unavailable(connection, error, prefix);
  }
}

/** Ignores an error, because an `error` event without a listener ends the process. `isConnected` reports the fault. */
function ignore(): void {}
