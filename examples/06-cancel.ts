/** Cancelling a batch while a model call runs: the call is aborted, and the other task never starts. */
import { createProducer } from '../src/entries/producer.ts';
import { startDemo } from './support.ts';

const demo = await startDemo();
const producer = createProducer(demo.options);

const received = Promise.withResolvers<void>();
const ended = Promise.withResolvers<string | null>();
demo.simulator.onRequest((request, phase) =>
  phase === 'received' ? received.resolve() : ended.resolve(request.ended),
);

const { batch_id } = await producer.enqueue({
  max_concurrent: 1,
  tasks: [
    { goal: 'Think for a very long time. [[sim: hang=stream after=1]]', provider: 'openai' },
    { goal: 'Think about that afterwards.', provider: 'openai' },
  ],
});
await received.promise;
const { status } = await producer.cancel(batch_id, 'the customer changed their mind');
console.log(status);

const { counts, total } = await producer.settled(batch_id);
console.log(`${counts.cancelled} of ${total} cancelled`);
for await (const { index, attempts, cleanup } of producer.outcomes(batch_id)) {
  console.log(`task ${index}: ${attempts.length} attempts, ${cleanup.steps.length} resources given back`);
}
console.log(`how the provider saw the model call end: ${await ended.promise}`);

await producer.close();
await demo.close();
