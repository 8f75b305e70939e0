import { monotonicMs, sleep } from '../../src/base/clock.ts';
import type { BatchInput, BatchStatus } from '../../src/contract/batch.ts';
import type { TaskSpec } from '../../src/contract/task.ts';
import type { RemoteProducer } from './remote-producer.ts';
import { openStage } from './stage.ts';
import { newerTree, PRESENT } from './tree.ts';

const WAIT_MS = 30_000;

/** The result of a run: how long the jobs waited, how long they took once a newer worker ran, and the faults. */
export type NewerReport = { tasks: number; waited: number; ran_within_ms: number; faults: string[] };

/**
 * Has a newer producer enqueue for two workers of this tree: plain tasks run at once, the other tasks wait until a newer
 * worker starts, and then all of them succeed beside the old workers.
 */
export async function runNewer(tell: (line: string) => void): Promise<NewerReport> {
  const stage = await openStage();
  const faults: string[] = [];
  try {
    const newer = await newerTree(`${stage.dir}/newer`);
    const producer = await stage.startProducer(newer);
    const reader = await stage.startProducer(PRESENT);
    for (let started = 0; started < 2; started++) await stage.startWorker(PRESENT);
    const batches = [
      tasksOf(12, ['plain', 'needs', 'version']),
      { ...tasksOf(6, ['plain']), metadata: { needs: true } },
    ];
    const ids: string[] = [];
    for (const batch of batches) ids.push((await producer.enqueue(batch)).batch_id);
    const [mixed = '', whole = ''] = ids;
    await until(
      async () => (await reader.status(mixed)).counts.succeeded === 4,
      'plain tasks of a newer producer',
      faults,
    );
    await refuses(reader, whole, faults);
    await sleep(3_000); // long enough for a second and a third look
    const before = await Promise.all(ids.map((id) => producer.status(id)));
    for (const status of before) if (hasFailed(status)) faults.push(`failed: ${JSON.stringify(status)}`);
    const waited = before.reduce((sum, { total, ended }) => sum + total - ended, 0);
    if (waited !== 14) faults.push(`${waited} of 14 tasks waited`);
    const startedMs = monotonicMs();
    await stage.startWorker(newer);
    const summaries = await Promise.all(ids.map((id) => producer.settled(id)));
    const took = Math.round(monotonicMs() - startedMs);
    for (const { counts, total } of summaries) {
      if (counts.succeeded !== total) faults.push(`not all succeeded: ${JSON.stringify(counts)}`);
    }
    tell(`${waited} tasks of a newer version waited, and ended within ${took} ms of the start of a newer worker`);
    return { tasks: 18, waited, ran_within_ms: took, faults };
  } finally {
    await stage.close({ isKept: faults.length > 0 });
  }
}

function tasksOf(count: number, kinds: readonly string[]): BatchInput & { tasks: TaskSpec[] } {
  const tasks = Array.from({ length: count }, (_, index): TaskSpec => {
    const kind = kinds[index % kinds.length];
    const more = kind === 'needs' ? { context: 'c' } : kind === 'version' ? { metadata: { version: 2 } } : {};
    return { goal: `task ${index}`, provider: 'local', ...more };
  });
  return { tasks };
}

function hasFailed({ counts }: BatchStatus): boolean {
  return counts.failed + counts.rejected + counts.cancelled > 0;
}

async function refuses(reader: RemoteProducer, batchId: string, faults: string[]): Promise<void> {
  const answer = await reader.status(batchId).catch((error: Error) => error.message);
  if (typeof answer !== 'string' || !answer.startsWith('RECORD_UNREADABLE'))
    faults.push(`the status of a newer batch: ${JSON.stringify(answer)}`);
}

async function until(isTrue: () => Promise<boolean>, what: string, faults: string[]): Promise<void> {
  const deadline = monotonicMs() + WAIT_MS;
  while (!(await isTrue())) {
    if (monotonicMs() > deadline) return void faults.push(`not within ${WAIT_MS} ms: ${what}`);
    await sleep(50);
  }
}
