import { monotonicMs } from '../../../src/base/clock.ts';
import type { BatchInput } from '../../../src/contract/batch.ts';
import { type Delays, GOOD, HOSTILE, Stage } from './stage.ts';

/** Which worker to run, for how long, and the listener for progress. */
export type WorkerOptions = { tree: string; seed: number; durationMs: number; tell: (line: string) => void };

/** The result of a run. */
export type WorkerReport = {
  seconds: number;
  good: { tasks: number; succeeded: number; failures: Record<string, number> };
  hostile: { tasks: number; answers: number; failures: Record<string, number> };
  delayMs: Delays;
  peakMiB: number;
  isReady: boolean;
  problems: string[];
};

const TASKS_EACH = 5;
/** The maximum number of open batches of hostile tasks, because a provider may delay them without limit. */
const MAX_OPEN = 6;
const MAX_P99_MS = 100;
const MAX_PEAK_MIB = 600;

function goodBatch(number: number): BatchInput {
  const providers = Object.keys(GOOD);
  const tasks = providers.flatMap((provider) =>
    Array.from({ length: TASKS_EACH }, (_, at) => {
      const call = `[[sim: tool=write_file args=${JSON.stringify({ path: 'a.txt', content: `${number}/${at}` })}]]`;
      return {
        goal: `${call} [[sim: text="done ${number}/${at}" latency_ms=50]]`,
        provider,
        toolsets: ['workspace' as const],
      };
    }),
  );
  return { name: `good ${number}`, tasks };
}

function hostileBatch(number: number): BatchInput {
  const tasks = Object.keys(HOSTILE).flatMap((provider) =>
    Array.from({ length: TASKS_EACH }, () => ({
      goal: `hostile ${number}`,
      provider,
      toolsets: ['workspace' as const],
      budget: { turns: 4 },
    })),
  );
  return { name: `hostile ${number}`, tasks };
}

/** Enqueues good and hostile batches until the time is over. Resolves with the ids of both. */
async function feed(stage: Stage, durationMs: number, tell: (line: string) => void) {
  const startedMs = monotonicMs();
  const [good, hostile]: [string[], string[]] = [[], []];
  const open = new Set<string>();
  for (let number = 0; monotonicMs() - startedMs < durationMs; number++) {
    const [oldest] = open;
    if (oldest !== undefined && open.size >= MAX_OPEN) await stage.producer.cancel(oldest);
    else {
      const { batch_id: id } = await stage.producer.enqueue(hostileBatch(number));
      hostile.push(id);
      open.add(id);
      stage.producer.settled(id).then(
        () => open.delete(id),
        () => {},
      );
    }
    const { batch_id: id } = await stage.producer.enqueue(goodBatch(number));
    good.push(id);
    await stage.producer.settled(id, { signal: AbortSignal.timeout(60_000) });
    if (number % 50 === 49) {
      const { now, peak } = await stage.memoryMiB();
      tell(`${number + 1} batches; ${stage.hostile.answers} hostile answers; ${now} MiB, at most ${peak}`);
    }
  }
  await Promise.all([...open].map((id) => stage.producer.cancel(id)));
  return { good, hostile };
}

async function count(stage: Stage, batches: readonly string[]) {
  const counted = { tasks: 0, succeeded: 0, failures: {} as Record<string, number> };
  for (const id of batches) {
    for await (const outcome of stage.producer.outcomes(id)) {
      counted.tasks++;
      if (outcome.status === 'succeeded') counted.succeeded++;
      else counted.failures[outcome.failure.code] = (counted.failures[outcome.failure.code] ?? 0) + 1;
    }
  }
  return counted;
}

/** Runs one worker with four correct providers and one provider that is hostile in every way of the fuzzer. */
export async function fuzzWorker({ tree, seed, durationMs, tell }: WorkerOptions): Promise<WorkerReport> {
  const startedMs = monotonicMs();
  const stage = await Stage.open(seed, tree);
  let isKept = true;
  try {
    const batches = await feed(stage, durationMs, tell);
    const [good, hostile] = [await count(stage, batches.good), await count(stage, batches.hostile)];
    const isReady = await stage.isReady();
    const { peak: peakMiB } = await stage.memoryMiB();
    const delayMs = await stage.drain();
    const lost = good.tasks - good.succeeded;
    const problems = [
      ...(lost > 0 ? [`${lost} tasks of other providers did not succeed`] : []),
      ...(hostile.failures.INTERNAL ? [`${hostile.failures.INTERNAL} tasks ended as INTERNAL`] : []),
      ...(isReady ? [] : ['the worker is not ready']),
      ...(delayMs.late.p99 > MAX_P99_MS ? [`the event loop was ${delayMs.late.p99} ms late (p99)`] : []),
      ...(peakMiB > MAX_PEAK_MIB ? [`${peakMiB} MiB of memory`] : []),
    ];
    isKept = problems.length > 0;
    if (isKept) tell(`the log of the worker is kept in ${stage.dir}`);
    const { answers } = stage.hostile;
    const { tasks, failures } = hostile;
    return {
      seconds: Math.round((monotonicMs() - startedMs) / 1000),
      good,
      hostile: { tasks, answers, failures },
      delayMs,
      peakMiB,
      isReady,
      problems,
    };
  } finally {
    await stage.close({ isKept });
  }
}
