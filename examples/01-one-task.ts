/** One task: enqueue it, wait until its batch has settled, read its outcome. */
import { createProducer } from '../src/entries/producer.ts';
import { startDemo } from './support.ts';

const demo = await startDemo();
const producer = createProducer(demo.options);

const { batch_id } = await producer.enqueue({ goal: 'Name the first prime above 100.', provider: 'openai' });
const { counts, total } = await producer.settled(batch_id);
console.log(`${counts.succeeded} of ${total} succeeded`);

for await (const outcome of producer.outcomes(batch_id)) {
  if (outcome.status === 'succeeded') console.log(outcome.answer.text);
  else console.error(outcome.failure.code, outcome.failure.remedy);
}

await producer.close();
await demo.close();
