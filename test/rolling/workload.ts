import type { BatchInput } from '../../src/contract/batch.ts';
import type { TaskSpec } from '../../src/contract/task.ts';
import type { Random } from '../storm/random.ts';

/** A batch of the check. `isCancelled`: the check cancels it while it runs. */
export type RollingBatch = { input: BatchInput & { tasks: TaskSpec[] }; isCancelled: boolean };

/** A producer adds more than 1,000 tasks in chunks, behind a gate. */
const LARGE = { every: 41, from: 10, tasks: 1_050 };
const KINDS = ['short', 'long', 'tools', 'limited', 'flaky'] as const;

/** The text with which a task answers. */
export function answerOf(batch: number, index: number): string {
  return `task ${index} of batch ${batch} is done`;
}

/** Batch `number`: a dozen tasks of every kind; some of them are running whenever a worker is replaced. */
export function batchOf(random: Random, number: number): RollingBatch {
  const isLarge = number % LARGE.every === LARGE.from;
  const total = isLarge ? LARGE.tasks : random.whole(8, 14);
  const tasks = Array.from({ length: total }, (_, index): TaskSpec => {
    const kind = isLarge ? 'short' : random.pick(KINDS);
    const provider = random.pick(['openai', 'anthropic', 'local']);
    const goal = goalOf(kind, number, index, random);
    return { goal, provider, ...(kind === 'tools' && { toolsets: ['workspace'] }), metadata: { kind, index } };
  });
  const input = { name: `rolling ${number}`, ...shapeOf(random), metadata: { number }, tasks };
  return { input, isCancelled: !isLarge && random.chance(0.15) };
}

function shapeOf(random: Random): Partial<BatchInput> {
  switch (random.whole(0, 3)) {
    case 0:
      return { max_concurrent: 3 };
    case 1:
      return { admission: 'task', context: 'Shared by all tasks.' };
    case 2:
      return { priority: 1 };
    default:
      return {};
  }
}

function goalOf(kind: (typeof KINDS)[number], batch: number, index: number, random: Random): string {
  const answer = `text="${answerOf(batch, index)}"`;
  switch (kind) {
    case 'short':
      return `[[sim: ${answer}]]`;
    case 'long':
      return `[[sim: ${answer} latency_ms=${random.whole(100, 600)} delta_ms=${random.whole(50, 250)}]]`;
    case 'tools': {
      const calls = Array.from({ length: random.whole(1, 3) }, (_, at) => {
        const args = JSON.stringify({ path: `${at}.txt`, content: `file ${at}` });
        return `[[sim: tool=write_file args=${args}]]`;
      });
      return [...calls, `[[sim: ${answer} latency_ms=${random.whole(50, 400)}]]`].join(' ');
    }
    case 'limited':
      return `[[sim: status=429 retry_after_ms=200 times=1]] [[sim: ${answer}]]`;
    case 'flaky':
      return `[[sim: status=503 times=1]] [[sim: ${answer} latency_ms=200]]`;
  }
}
