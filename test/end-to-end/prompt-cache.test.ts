import { expect, onTestFinished, test } from 'vitest';
import type { Wire } from '../../src/contract/route.ts';
import { type ScriptInput, startSimulator } from '../../src/entries/simulator.ts';
import { aDeployment, simulatedProviders } from '../helpers/deployment.ts';

const TASKS = 200;
/** A context of 20,000 tokens of four characters. */
const CONTEXT_TOKENS = 20_000;
const SENTENCE = 'Every clause of this contract is read by every task. ';
const context = SENTENCE.repeat(Math.ceil((CONTEXT_TOKENS * 4) / SENTENCE.length)).slice(0, CONTEXT_TOKENS * 4);

const WIRES: Wire[] = ['responses', 'chat', 'messages'];
/** One route for each wire, with models that read a prefix only at a mark. */
const ROUTES = [
  { provider: 'openai', model: 'gpt-5.6-sol' },
  { provider: 'local', model: 'gpt-5.6-sol' },
  { provider: 'anthropic', model: 'claude-opus-5-5' },
];

/** Answers that begin so late that 50 requests which do not wait for each other are all sent before the first answer. */
function slowFirst(wire: Wire) {
  return { match: { wire }, steps: [{ latency_ms: 500, times: 60 }, { text: 'It is clause 7.' }] };
}

/** A deployment with a worker that runs 50 tasks at a time, and providers that take OpenAI's fields. */
async function aCachingDeployment(rules: ScriptInput['rules'] = WIRES.map(slowFirst)) {
  const simulator = await startSimulator({ script: { rules } });
  onTestFinished(() => simulator.close());
  const { openai, local, ...others } = simulatedProviders(simulator.url) as Record<string, object>;
  const providers = { ...others, openai: { ...openai, prompt_cache: true }, local: { ...local, prompt_cache: true } };
  const deployment = await aDeployment({ settings: { providers } });
  await deployment.startWorker({ concurrency: 50 });
  return { ...deployment, simulator };
}

test.each(ROUTES)('200 tasks on $provider write their context to the cache once', async (route) => {
  const { producer, outcomesOf } = await aCachingDeployment();
  const tasks = Array.from({ length: TASKS }, (_, at) => ({ goal: `Find clause ${at}.` }));
  const { batch_id: batchId } = await producer.enqueue({ context, defaults: route, tasks });
  await producer.settled(batchId);
  const outcomes = await outcomesOf(batchId);
  expect(outcomes.filter(({ status }) => status === 'succeeded')).toHaveLength(TASKS);
  const cached = outcomes.map(({ usage }) => Math.min(usage.cached_input_tokens, CONTEXT_TOKENS));
  const share = cached.reduce((sum, tokens) => sum + tokens, 0) / ((TASKS - 1) * CONTEXT_TOKENS);
  console.info(`${route.provider}: ${(share * 100).toFixed(2)} % of the prefix tokens were cached`);
  expect(share).toBeGreaterThanOrEqual(0.95);
});

test.each(ROUTES)('an attempt on $provider continues with the bytes of the attempt before it', async (route) => {
  const { producer, outcomesOf, simulator } = await aCachingDeployment([]);
  const faults = '[[sim: tool=list_files args={}]] [[sim: status=500 turn=2 times=1]]';
  const tasks = [1, 2].map((at) => ({
    goal: `Find clause ${at}. ${faults}`,
    instructions: 'Be brief.',
    toolsets: ['workspace'],
  }));
  const { batch_id: batchId } = await producer.enqueue({ context: 'A contract.', defaults: route, tasks });
  await producer.settled(batchId);
  const ended = (await outcomesOf(batchId)).map(({ attempts }) => attempts.map((attempt) => attempt.ended));
  expect(ended).toEqual(tasks.map(() => ['failed', 'succeeded']));
  const bodies = simulator.requests().flatMap(({ turn, body }) => (turn === 2 ? [body] : []));
  expect(bodies).toHaveLength(4);
  expect(new Set(bodies).size).toBe(2);
});
