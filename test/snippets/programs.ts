/** What each program of a page prints, by its place. */
export const PRINTED: Readonly<Record<string, string>> = {
  'README.md': 'Simulated answer to: Summarise RFC 9110.\nSimulated answer to: Review RFC 9110.\n',
  'docs/start/in-your-app.md#hono': 'Simulated answer to: Summarise: Errand runs AI agents.\n',
  'docs/start/run.md': '1 task succeeded\n',
  'docs/start/first-real-key.md#send-one-task':
    'succeeded on openai, gpt-5.6-sol, effort low\nSimulated answer to: Name the first prime above 100.\ncost unknown\n',
  'docs/how-to/add-a-provider.md#try-it-without-a-key': 'succeeded acme acme-large chat\n/v1/chat/completions\n',
  'docs/how-to/add-a-tool.md#in-your-own-program': 'succeeded 1\n',
  'docs/how-to/let-a-child-call-http.md#try-it': 'succeeded 1\n',
  'docs/how-to/hold-resources.md': 'browser released acknowledged owner 0\n',
  'docs/how-to/let-a-child-run-commands.md': "[ { path: 'out', bytes: 4, text: 'a\\nb\\n' } ]\n",
  'docs/how-to/use-an-mcp-server.md': 'succeeded verified\n',
  'docs/how-to/cancel.md':
    'cancelled: 2 of 2 tasks\n0 the customer changed their mind 1\n1 the customer changed their mind 0\n',
  'docs/how-to/find-a-stuck-batch.md': 'running: 0 of 1 ended\nwaits for lane_unserved acme\n',
  'docs/how-to/operate.md#probes': '/healthz 200\n/readyz 200\n',
  'docs/how-to/upgrade.md#handle-codes-that-you-do-not-know': 'CREDENTIAL_REJECTED discard\n',
  'docs/how-to/back-up-and-restore.md#before-you-need-it':
    'first: 2 of 2 tasks added, a new batch\nagain: 0 of 2 tasks added, the batch was there\n',
  'docs/how-to/run-failed-tasks-again.md': 'did not succeed: 2\nsucceeded at the second time: 1\n',
  'docs/how-to/choose-concurrency.md#limit-one-batch': '6 tasks succeeded, at most 2 at a time\n',
  'docs/how-to/serve-several-customers.md': 'acme reads 1 outcome\nglobex is refused: true\n',
  'docs/reference/configuration.md#in-a-program': 'The worker takes tasks until SIGTERM.\n',
  'docs/reference/failures.md': `PROVIDER_REFUSED_REQUEST: The provider refused the request as wrong (400, 404, 413, 422).
Provider "openai" answered 400: Simulated error 400.
Correct what the message names: often the model (see errand routes FILE) or the size of the context.
HTTP 400, request req_N
`,
  'docs/reference/metrics.md#observers': 'an attempt on openai succeeded after N ms\n',
  'docs/reference/producer.md':
    '2 tasks planned, 0 warnings\n2 of 2 succeeded\ntask 1 succeeded, turns: 1\nheard the end of 2 tasks\n',
  'docs/reference/producer.md#the-outcome-of-one-task': 'Simulated answer to: Name a square.\n',
  'docs/reference/simulator.md': '200 complete\n',
  'docs/reference/workspace.md#what-becomes-of-the-files': 'haiku.txt 24 First in, and first out.\n',
  'docs/explanations/guarantees.md': 'enqueued again: 0 tasks added, is_new: false\n',
  'docs/explanations/lifecycle.md#a-batch': `tasks[0].goal expected a goal, got blank text
tasks[0].provider is missing; no provider in the task, the defaults, the configuration (delegation.provider) or the parent; known providers: anthropic, openai
tasks[1].provider unknown provider "nobody"; known: anthropic, openai
`,
  'docs/internals/sdks.md#the-end-of-a-stream': '200 false false\n',
  'docs/internals/bullmq.md#a-move-needs-the-lock': 'JobLockNotExist active null\n',
  'docs/internals/redis.md#scripts-are-atomic-but-nothing-is-undone':
    'ERR value is not an int\nwritten\n3 9.007199254741e+15\n',
};

/** The programs that run until SIGTERM. The others end by themselves. */
export const UNTIL_SIGTERM: readonly string[] = ['docs/reference/configuration.md#in-a-program'];

/** A program that uses a module of a page, which is beside it as `block.ts`, and what it prints. */
type Driver = { printed: string; text: string };

/** The programs that call the modules of pages, by the place of the module. */
export const DRIVERS: Readonly<Record<string, Driver>> = {
  'docs/start/in-your-app.md#nextjs': {
    printed: '202 true\none producer: true\n',
    // Next.js calls a handler with a `Request`, and loads a changed module again.
    text: `
import type { Producer } from 'errand';
import { POST } from './block.ts';

const kept = globalThis as { producer?: Producer };
const producer = kept.producer;
const body = JSON.stringify({ text: 'Errand runs AI agents.' });
const response = await POST(new Request('http://app.example/summaries', { method: 'POST', body }));
const { id } = (await response.json()) as { id: string };
const summary = await producer?.settled(id);
console.log(response.status, summary?.counts.succeeded === 1);
await import(\`\${import.meta.resolve('./block.ts')}?changed\`);
console.log('one producer:', kept.producer === producer);
await producer?.close();
`,
  },
  'docs/start/in-your-app.md#express': {
    printed: '202\n200 {"status":"settled","text":"Simulated answer to: Summarise: Errand runs AI agents."}\n',
    // A producer of a web app is never closed, so the program ends itself.
    text: `
import { createServer } from 'node:http';
import { text as textOf } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { readSummary, startSummary } from './block.ts';

const server = createServer((request, response) => {
  const [, , id] = request.url?.split('/') ?? [];
  const start = async () => startSummary(await textOf(request), response);
  const handled = id === undefined ? start() : readSummary(id, response);
  handled.catch((error) => response.writeHead(500).end(String(error)));
}).listen(0, '127.0.0.1');
await new Promise((resolve) => server.once('listening', resolve));
const { port } = server.address() as { port: number };
const url = \`http://127.0.0.1:\${port}/summaries\`;
const started = await fetch(url, { method: 'POST', body: 'Errand runs AI agents.' });
console.log(started.status);
const { id } = (await started.json()) as { id: string };
let [status, text] = [0, ''];
do {
  await sleep(50);
  const read = await fetch(\`\${url}/\${id}\`);
  [status, text] = [read.status, await read.text()];
} while (text === '{"status":"running"}');
console.log(status, text);
process.exit();
`,
  },
  'docs/how-to/add-a-tool.md': {
    printed: 'succeeded 1\n',
    text: `
import { fileURLToPath } from 'node:url';
import { createProducer } from 'errand';
import { createWorker } from 'errand/worker';

const tool_modules = [fileURLToPath(import.meta.resolve('./block.ts'))];
const worker = await createWorker({ settings: { tool_modules } });
const producer = createProducer();
const goal = 'When was order 7 shipped? [[sim: tool=find_order args={"number":7}]] [[sim: text="On Monday."]]';
const { batch_id } = await producer.enqueue({ goal, provider: 'openai', toolsets: ['shop'] });
await producer.settled(batch_id);
for await (const outcome of producer.outcomes(batch_id)) console.log(outcome.status, outcome.tool_calls);
await producer.close();
await worker.drain();
`,
  },
  'docs/how-to/serve-several-customers.md#separate-deployments': {
    printed:
      'one producer for each customer: true true\nanother customer has no such batch: NOT_FOUND\nno customer "globex"\n',
    text: `
import { isErrandError } from 'errand';
import { producerOf } from './block.ts';

const [first = '', second = ''] = Object.keys(JSON.parse(process.env.CUSTOMER_REDIS_URLS ?? '{}'));
console.log(
  'one producer for each customer:',
  producerOf(first) === producerOf(first),
  producerOf(first) !== producerOf(second),
);
const { batch_id } = await producerOf(first).enqueue({ goal: 'Name a prime.', provider: 'openai' });
await producerOf(first).status(batch_id);
await producerOf(second)
  .status(batch_id)
  .catch((error) => console.log('another customer has no such batch:', isErrandError(error) && error.code));
try {
  producerOf('globex');
} catch (error) {
  if (error instanceof Error) console.log(error.message);
}
await producerOf(first).close();
await producerOf(second).close();
`,
  },
};
