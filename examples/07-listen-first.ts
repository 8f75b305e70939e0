/** The id of a batch follows from its idempotency key, so a listener added before `enqueue` hears every event. */
import { randomUUID } from 'node:crypto';
import { batchIdOf, createProducer, taskIdOf } from '../src/entries/producer.ts';
import { startDemo } from './support.ts';

const demo = await startDemo();
const producer = createProducer(demo.options);

const key = `greeting-${randomUUID()}`;
const batchId = batchIdOf(key);
const settled = Promise.withResolvers<void>();
const stop = await producer.onEvent(batchId, (event) => {
  if (event.event === 'batch_settled') settled.resolve();
  const isFirst = 'task_id' in event && event.task_id === taskIdOf(batchId, 0);
  console.log(isFirst ? `${event.event} of task 0` : event.event);
});

const { added } = await producer.enqueue({ goal: 'Greet the customer.', provider: 'openai', idempotency_key: key });
await settled.promise;
console.log(`added: ${added}`);

await stop();
await producer.close();
await demo.close();
