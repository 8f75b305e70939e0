import type { BatchInput } from '../../contract/batch.ts';
import type { Outcome } from '../../contract/outcome.ts';
import type { TaskSpec } from '../../contract/task.ts';
import type { FailureCode } from '../../errors.ts';
import { WORKSPACE } from '../../tools/names.ts';
import { ACME, LOCAL } from './simulated-providers.ts';

/** A task of the sample, and how it is expected to end: with success, or with this code. */
type Sample = { expected: 'succeeded' | FailureCode; task: TaskSpec };

/** The instructions to the simulator are in the context, so that the goals read like real goals. */
const SAMPLES: Sample[] = [
  {
    expected: 'succeeded',
    task: {
      goal: 'Name three uses of a queue',
      provider: 'openai',
      reasoning_effort: 'high',
      context: '[[sim: text="To smooth peaks, to survive restarts, to spread work." delta_ms=20]]',
    },
  },
  {
    expected: 'succeeded',
    task: {
      goal: 'Say what a lease is, in one line',
      provider: 'anthropic',
      reasoning_effort: 'minimal',
      context: '[[sim: text="A right to use something that ends by itself." delta_ms=20]]',
    },
  },
  {
    expected: 'succeeded',
    task: {
      goal: 'Translate "errand" into French',
      provider: LOCAL,
      reasoning_effort: 'medium',
      context: '[[sim: text="Une course." delta_ms=20]]',
    },
  },
  {
    expected: 'succeeded',
    task: {
      goal: 'Write the release notes to a file',
      provider: 'anthropic',
      reasoning_effort: 'low',
      toolsets: [WORKSPACE],
      context:
        '[[sim: tool=write_file args={"path":"notes/1.0.md","content":"# 1.0\\n\\nThe first release."}]] [[sim: text="The notes are in notes/1.0.md." delta_ms=20]]',
    },
  },
  {
    expected: 'succeeded',
    task: {
      goal: 'Come back after a 429',
      provider: 'openai',
      context: '[[sim: status=429 retry_after_ms=700 times=1]] [[sim: text="The second call was let in." delta_ms=20]]',
    },
  },
  {
    expected: 'CREDENTIAL_MISSING',
    task: { goal: 'Ask a provider without a key', provider: ACME },
  },
  {
    expected: 'BUDGET_TURNS',
    task: {
      goal: 'Run out of turns with files in hand',
      provider: 'openai',
      reasoning_effort: 'low',
      toolsets: [WORKSPACE],
      budget: { turns: 1 },
      context: '[[sim: tool=write_file args={"path":"half.md","content":"half of it"}]] [[sim: text="Never said."]]',
    },
  },
];

/** The batch of a first run with the simulator: three wires, three efforts, a tool, a 429, and two failures. */
export const SAMPLE_BATCH = {
  name: 'sample',
  admission: 'task',
  tasks: SAMPLES.map(({ task }) => task),
} satisfies BatchInput;

/** Tells whether each task of the sample ended as it should. */
export function isSampleAsExpected(outcomes: readonly Outcome[]): boolean {
  const ends = outcomes.map((outcome) => (outcome.status === 'succeeded' ? outcome.status : outcome.failure.code));
  return ends.length === SAMPLES.length && SAMPLES.every(({ expected }, index) => ends[index] === expected);
}

/**
 * Makes the sample for real providers: only one short question to each default model, because every question costs
 * money.
 */
export function liveSample(providers: readonly string[]): BatchInput & { tasks: TaskSpec[] } {
  const tasks = providers.map((provider) => ({
    goal: 'Say hello in one short sentence.',
    provider,
    budget: { turns: 1 },
  }));
  return { name: 'live sample', admission: 'task', tasks };
}
