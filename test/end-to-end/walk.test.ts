import { expect, test } from 'vitest';
import type { Observer } from '../../src/telemetry/observer.ts';
import type { Step } from '../../src/telemetry/step.ts';
import { aDeployment } from '../helpers/deployment.ts';
import { tableRows } from '../helpers/markdown.ts';
import { page } from '../helpers/pages.ts';

/** An observer that writes down which file begins each step of a task, from its delivery until the queue is told. */
function aWalk() {
  const walked: { file: string; name: Step['name'] }[] = [];
  const over = Promise.withResolvers<void>();
  const observer: Observer = {
    begin(step) {
      if (!isOfDelivery(step)) return () => undefined;
      walked.push({ file: beginner(), name: step.name });
      return () => {
        if (step.name === 'tell_queue') over.resolve();
      };
    },
  };
  return { observer, over: over.promise, walked };
}

function isOfDelivery(step: Step): boolean {
  return step.name === 'admit' || ('taskId' in step && step.name !== 'told_queue');
}

/** The first file outside of the telemetry room on the stack. */
function beginner(): string {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 50;
  const { stack = '' } = new Error();
  Error.stackTraceLimit = limit;
  const files = [...stack.matchAll(/\/(src\/[\w./-]+\.ts):\d+/g)].map(([, file = '']) => file);
  return files.find((file) => !file.startsWith('src/telemetry/')) ?? 'none';
}

function withoutRepeats<T>(list: readonly T[]): T[] {
  return list.filter((item, at) => item !== list[at - 1]);
}

test('a delivery passes each file once, in the order of docs/internals/walk.md', async () => {
  const { producer, startWorker } = await aDeployment();
  const { observer, over, walked } = aWalk();
  await startWorker({}, {}, [observer]);
  const goal = '[[sim: tool=write_file args={"path":"a.txt","content":"kept"}]] Write it down.';
  const { batch_id: batchId } = await producer.enqueue({ goal, provider: 'local', toolsets: ['workspace'] });
  await over;
  expect((await producer.settled(batchId)).counts.succeeded).toBe(1);

  const text = page('docs/internals/walk.md');
  const listed = [...text.matchAll(/^\d+\. `(src\/\S+)`/gm)].map(([, file = '']) => file);
  const passed = withoutRepeats(walked.map(({ file }) => file));
  expect(passed).toEqual(listed);
  expect(new Set(passed).size).toBe(passed.length);
  expect(passed.length).toBeLessThanOrEqual(14);

  const steps = Map.groupBy(walked, ({ file }) => `\`${file.split('/').at(-1)}\``);
  const begun = [...steps].map(([file, all]) => [file, [...new Set(all.map(({ name }) => `\`${name}\``))].join(', ')]);
  expect(begun).toEqual(tableRows(text, 'file'));
});
