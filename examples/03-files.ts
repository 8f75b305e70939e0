/** A child with a workspace. The outcome has the files that it leaves, and the workspace is removed. */
import { createProducer } from '../src/entries/producer.ts';
import { startDemo } from './support.ts';

const demo = await startDemo();
const producer = createProducer(demo.options);

/** Directives make the simulator play a model that uses its tools; a real model reads the goal and decides by itself. */
const goal = `Write a haiku about queues to haiku.txt.
[[sim: tool=write_file args={"path":"haiku.txt","content":"First in, and first out.\\n"}]]
[[sim: tool=list_files]]
[[sim: text="The haiku is in haiku.txt."]]`;

const { batch_id } = await producer.enqueue({ goal, provider: 'anthropic', toolsets: ['workspace'] });
await producer.settled(batch_id);

for await (const outcome of producer.outcomes(batch_id)) {
  if (outcome.status !== 'succeeded') throw new Error(outcome.failure.message);
  console.log(`${outcome.answer.text} (${outcome.turns} turns, ${outcome.tool_calls} tool calls)`);
  for (const { path, bytes, text } of outcome.answer.files) console.log(`${path}, ${bytes} bytes: ${text?.trim()}`);
  for (const { kind, status, detail } of outcome.cleanup.steps) console.log(`${kind} ${status}: ${detail}`);
}

await producer.close();
await demo.close();
