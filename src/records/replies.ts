import type { ChainableCommander } from 'ioredis';

/** Sends a pipeline and returns its replies in order. Throws the first error: a read that failed must not pass for none. */
export async function repliesOf(pipeline: ChainableCommander): Promise<unknown[]> {
  const results = (await pipeline.exec()) ?? [];
  return results.map(([error, reply]) => {
    if (error) throw error;
    return reply;
  });
}
