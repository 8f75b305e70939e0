/** A child runs a command in a sandbox, on the files of its workspace. It needs bubblewrap on the machine. */
import { createProducer } from '../src/entries/producer.ts';
import { startDemo } from './support.ts';

const demo = await startDemo({ shell: { enabled: true } });
const producer = createProducer(demo.options);

const goal = `Sort names.txt.
[[sim: tool=write_file args={"path":"names.txt","content":"Tove\\nAda\\nLin\\n"}]]
[[sim: tool=run_command args={"command":"sort names.txt > sorted.txt"}]]
[[sim: text="The names are in sorted.txt."]]`;

const { batch_id } = await producer.enqueue({ goal, provider: 'openai', toolsets: ['shell'] });
await producer.settled(batch_id);

for await (const outcome of producer.outcomes(batch_id)) {
  if (outcome.status !== 'succeeded') throw new Error(outcome.failure.message);
  console.log(`${outcome.answer.text} (${outcome.tool_calls} tool calls)`);
  for (const { path, text } of outcome.answer.files) console.log(`${path}: ${text?.trim().replaceAll('\n', ', ')}`);
  const open = outcome.cleanup.steps.filter(({ status }) => status !== 'released');
  console.log(
    'released:',
    outcome.cleanup.steps
      .map(({ kind }) => kind)
      .sort()
      .join(', '),
    '- open:',
    open.length,
  );
}

await producer.close();
await demo.close();
