/** Two tasks of one batch, each on its own route. The outcome says which route was used. */
import { createProducer } from '../src/entries/producer.ts';
import { startDemo } from './support.ts';

const demo = await startDemo();
const producer = createProducer(demo.options);

const { batch_id } = await producer.enqueue({
  tasks: [
    { goal: 'Summarise RFC 9110.', provider: 'openai', model: 'gpt-5.6-sol', reasoning_effort: 'low' },
    { goal: 'Review RFC 9110.', provider: 'anthropic', model: 'claude-opus-5-5', reasoning_effort: 'high' },
  ],
});
await producer.settled(batch_id);

for await (const outcome of producer.outcomes(batch_id)) {
  if (outcome.status === 'succeeded') console.log(outcome.answer.text);
  else console.error(outcome.failure.code, outcome.cleanup.steps);
}

for await (const { index, route } of producer.outcomes(batch_id)) {
  const ran = route?.effective;
  console.log(
    `task ${index} ran on ${ran?.provider}/${ran?.model} over ${ran?.wire} at effort ${ran?.reasoning_effort}`,
  );
}

await producer.close();
await demo.close();
