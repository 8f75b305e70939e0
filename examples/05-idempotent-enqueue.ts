/** Enqueueing twice with one key is the same as once; the same key with other content is refused. */
import { randomUUID } from 'node:crypto';
import { createProducer, isErrandError } from '../src/entries/producer.ts';
import { startDemo } from './support.ts';

const demo = await startDemo();
const producer = createProducer(demo.options);

const order = {
  goal: 'Thank the customer for order 42.',
  provider: 'openai',
  idempotency_key: `order-42-${randomUUID()}`,
};
const first = await producer.enqueue(order);
const second = await producer.enqueue(order);
console.log(`first: is_new ${first.is_new}; second: is_new ${second.is_new}`);
console.log(first.batch_id === second.batch_id ? 'one batch' : 'two batches');

try {
  await producer.enqueue({ ...order, goal: 'Thank the customer for order 43.' });
} catch (error) {
  if (!isErrandError(error, 'IDEMPOTENCY_CONFLICT')) throw error;
  console.log(error.code);
}

await producer.settled(first.batch_id);
console.log(`${demo.simulator.requests().length} model call`);

await producer.close();
await demo.close();
