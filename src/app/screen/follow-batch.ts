import { repeat } from '../../base/repeat.ts';
import type { BatchSummary } from '../../contract/batch.ts';
import { isErrandError } from '../../errors.ts';
import type { Producer } from '../../producer/producer.ts';
import { Progress } from './progress.ts';
import { openProgressView } from './progress-view.ts';
import type { Screen } from './screen.ts';
import { waitLines } from './status-text.ts';

/** How often to check why tasks wait. */
const LOOK_MS = 2_000;

/** The batch to follow. `goals`: the goals by index, as far as they are known. */
export type Followed = { batchId: string; total: number; goals: readonly string[]; signal: AbortSignal };

/**
 * Shows the progress of a batch until it has settled.
 *
 * Events may be lost, so the records are read after subscribing and after settling: a task whose event was missed is
 * shown too. Every 2 s the function checks why tasks wait.
 *
 * @throws ErrandError `REDIS_UNAVAILABLE`; the reason of the signal if it aborts.
 */
export async function followBatch(producer: Producer, batch: Followed, screen: Screen): Promise<BatchSummary> {
  const { batchId, total, goals, signal } = batch;
  const progress = new Progress(total, goals);
  const view = openProgressView(progress, screen);
  const catchUp = async () => {
    const isBehind = progress.ended < (await producer.status(batchId)).ended;
    if (!isBehind) return;
    for await (const { index, status, ...outcome } of producer.outcomes(batchId)) {
      view.show(progress.end(index, status, 'failure' in outcome ? outcome.failure.code : undefined));
    }
  };
  const look = async () => view.show(progress.wait(waitLines(await producer.status(batchId))));
  // An error is ignored here, because `settled` rejects with the same error.
  const stopLooking = repeat(LOOK_MS, look, () => undefined);
  try {
    const hearing = producer.onEvent(batchId, (event) => {
      if (event.event !== 'batch_settled') view.show(progress.hear(event));
    });
    const stop = await hearing.catch((error: unknown) => {
      if (!isErrandError(error, 'REDIS_DENIED')) throw error;
      screen.note(`warning: no progress until the batch settles: ${error.message}. ${error.remedy}`);
      return async () => undefined;
    });
    await catchUp();
    const summary = await producer.settled(batchId, { signal });
    await catchUp();
    stop().catch(() => undefined); // the batch has settled, so no more events come
    return summary;
  } finally {
    stopLooking();
    view.close();
  }
}
