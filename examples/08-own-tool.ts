/** A worker loads a tool of its own from a module, and a child answers with what the tool returned. */
import { fileURLToPath } from 'node:url';
import { createProducer } from '../src/entries/producer.ts';
import { startDemo } from './support.ts';

const orders = fileURLToPath(import.meta.resolve('./tools/orders.ts'));
const demo = await startDemo({ tool_modules: [orders] });
const producer = createProducer(demo.options);

/** There is no order 8, and the model reads the error of the tool. */
const goal = `When was order 7 shipped?
[[sim: tool=find_order args={"number":8}]]
[[sim: tool=find_order args={"number":7}]]
[[sim: text="Order 7 was shipped on Monday."]]`;

const { batch_id } = await producer.enqueue({ goal, provider: 'openai', toolsets: ['shop'] });
await producer.settled(batch_id);

for await (const outcome of producer.outcomes(batch_id)) {
  if (outcome.status !== 'succeeded') throw new Error(outcome.failure.message);
  console.log(`${outcome.answer.text} (${outcome.tool_calls} tool calls)`);
}
const read = demo.simulator.requests().at(-1)?.body ?? '';
console.log('the model read both results:', read.includes('there is no order 8') && read.includes('on Monday'));

await producer.close();
await demo.close();
