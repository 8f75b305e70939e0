/** A task that fails half-way: the outcome has a stable code, the work done before, and what was released. */
import { createProducer } from '../src/entries/producer.ts';
import { startDemo } from './support.ts';

const demo = await startDemo();
const producer = createProducer(demo.options);

/** The first turn writes a file; at the second the provider refuses the key. */
const goal = `Write a draft, then polish it.
[[sim: tool=write_file args={"path":"draft.md","content":"A first draft."}]]
[[sim: status=401 turn=2]]`;

const { batch_id } = await producer.enqueue({ goal, provider: 'openai', toolsets: ['workspace'] });
const summary = await producer.settled(batch_id);
console.log(`the batch settled with ${summary.counts.failed} failed`);

for await (const outcome of producer.outcomes(batch_id)) {
  if (outcome.status !== 'failed') throw new Error(`expected a failed task, got ${outcome.status}`);
  console.log(`${outcome.failure.code}: ${outcome.failure.remedy}`);
  console.log(`left behind as partial answer: ${outcome.partial?.files.map(({ path }) => path).join(', ')}`);
  for (const { kind, status, evidence, actor } of outcome.cleanup.steps) {
    console.log(`${kind}: ${status}, ${evidence} by ${actor}`);
  }
  console.log(`still open: ${outcome.cleanup.open}`);
}

await producer.close();
await demo.close();
