import type { ChainableCommander } from 'ioredis';

/**
 * Sends a pipeline and returns its replies in order, with `undefined` for a key of another type than ours: a writer of Redis
 * must not be able to hide the other replies. Throws any other error.
 */
export async function typedRepliesOf(pipeline: ChainableCommander): Promise<unknown[]> {
  const results = (await pipeline.exec()) ?? [];
  return results.map(([error, reply]) => {
    if (error && !error.message.startsWith('WRONGTYPE')) throw error;
    return error ? undefined : reply;
  });
}

/** Sends a pipeline and returns its replies in order. Throws the first error: a read that failed must not pass for none. */
export async function repliesOf(pipeline: ChainableCommander): Promise<unknown[]> {
  const results = (await pipeline.exec()) ?? [];
  return results.map(([error, reply]) => {
    if (error) throw error;
    return reply;
  });
}

/** The pairs of a flat reply, as Redis gives what is named: name and value by turns. */
export function pairsOf(flat: string[]): [string, string][] {
  return Array.from({ length: flat.length / 2 }, (_, at) => [flat[2 * at] ?? '', flat[2 * at + 1] ?? '']);
}
