/** A child calls a tool of an MCP server. The server runs for one attempt, and its processes are on the ledger. */
import { fileURLToPath } from 'node:url';
import { createProducer } from '../src/entries/producer.ts';
import { startDemo } from './support.ts';

const server = fileURLToPath(import.meta.resolve('./tools/order-server.ts'));
/** The class is yours to declare: what the server says about its tools does not count. */
const orders = { command: [process.execPath, server], tools: ['find_*'], class: { 'find_*': 'read' } };
const demo = await startDemo({ mcp: { orders } });
const producer = createProducer(demo.options);

const goal = `When was order 7 shipped?
[[sim: tool=orders__find_order args={"number":7}]]
[[sim: text="On Monday."]]`;

const { batch_id } = await producer.enqueue({ goal, provider: 'anthropic', toolsets: ['mcp:orders'] });
await producer.settled(batch_id);

for await (const outcome of producer.outcomes(batch_id)) {
  if (outcome.status !== 'succeeded') throw new Error(outcome.failure.message);
  console.log(`${outcome.answer.text} (${outcome.tool_calls} tool call)`);
  const server = outcome.cleanup.steps.find(({ kind }) => kind === 'process');
  console.log(`the server: ${server?.status}, ${server?.status === 'released' ? server.evidence : 'open'}`);
}
const read = demo.simulator.requests().at(-1)?.body ?? '';
console.log('the model read the result:', read.includes('Order 7 was shipped on Monday.'));

await producer.close();
await demo.close();
