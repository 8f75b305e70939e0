import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { taskIdOf } from '../../../src/base/ids.ts';
import { processTagOf } from '../../../src/processes/tag.ts';
import { aDeployment, type Deployment } from '../../helpers/deployment.ts';
import { mcpServer } from '../../helpers/mcp-servers.ts';
import { startWorkerProcess } from '../../helpers/process.ts';
import { pidsTagged, untilTagged } from '../../helpers/process-trees.ts';

async function aFile(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'errand-mcp-'));
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
  return join(dir, 'notes');
}

function aTask(server: string, ...calls: string[]) {
  const goal = `${calls.map((call) => `[[sim: tool=${server}__${call}]]`).join(' ')} [[sim: text="done"]]`;
  return { goal, provider: 'local', toolsets: [`mcp:${server}`] };
}

async function linesOf(file: string): Promise<string[]> {
  return (await readFile(file, 'utf8').catch(() => '')).split('\n').filter(Boolean);
}

/** The results of tools in the last request, as the model reads them. */
function resultsIn({ simulator }: Deployment): string[] {
  const { messages = [] } = JSON.parse(simulator.requests().at(-1)?.body ?? '{}');
  return messages
    .filter(({ role }: { role: string }) => role === 'tool')
    .map(({ content }: { content: string }) => content);
}

function tagOf({ prefix, workspaceRoot }: Deployment, batchId: string, name: string): string {
  return processTagOf({ prefix, workspaceRoot }, taskIdOf(batchId, 0), `1.process.${name}`);
}

test('tools of a server answer the model, and its process ends with the attempt', async () => {
  const deployment = await aDeployment({
    environment: { PLAIN_TOKEN: 'planted-in-the-environment' },
    settings: { mcp: { plain: mcpServer('plain', { env: { TOKEN: 'env:PLAIN_TOKEN', MODE: 'test' } }) } },
  });
  await deployment.startWorker();
  const calls = ['echo args={"say":"hi"}', 'environment args={}', 'picture args={}', 'refuse args={}'];
  const { batch_id } = await deployment.producer.enqueue(aTask('plain', ...calls));
  expect((await deployment.producer.settled(batch_id)).counts.succeeded).toBe(1);
  const [echo, environment = '{}', picture, refuse] = resultsIn(deployment);
  expect(echo).toBe('hi');
  const tag = tagOf(deployment, batch_id, 'mcp-plain-1');
  expect(Object.keys(JSON.parse(environment)).sort()).toEqual(['ERRAND_ROW', 'HOME', 'MODE', 'PATH', 'TOKEN']);
  expect(picture).toBe('[image of the type image/tiff: cannot be shown]\n[resource a: file:///a.txt]');
  expect(refuse).toBe('no such order');
  const [outcome] = await deployment.outcomesOf(batch_id);
  expect(outcome?.cleanup.steps.filter(({ kind }) => kind === 'process')).toMatchObject([
    { row: '1.process.mcp-plain-1', status: 'released', evidence: 'verified', actor: 'owner' },
  ]);
  expect(outcome?.cleanup.open).toBe(0);
  expect(pidsTagged(tag)).toEqual([]);
});

test('a task that calls no tool starts no server once the list of tools is known', async () => {
  const notes = await aFile();
  const deployment = await aDeployment({
    settings: { mcp: { plain: mcpServer('plain', { env: { PLAIN_NOTES: notes } }) } },
  });
  await deployment.startWorker();
  const { batch_id } = await deployment.producer.enqueue({ tasks: Array.from({ length: 8 }, () => aTask('plain')) });
  expect((await deployment.producer.settled(batch_id)).counts.succeeded).toBe(8);
  expect(await linesOf(notes)).toHaveLength(1);
});

test('only the tools of the allow-list are shown, under names that providers accept', async () => {
  const plain = mcpServer('plain', { tools: ['echo', 'dotted*'] });
  const deployment = await aDeployment({ settings: { mcp: { plain } } });
  await deployment.startWorker();
  const { batch_id } = await deployment.producer.enqueue(aTask('plain'));
  await deployment.producer.settled(batch_id);
  const { tools } = JSON.parse(deployment.simulator.requests()[0]?.body ?? '{}');
  const names = tools.map((tool: { function: { name: string } }) => tool.function.name);
  expect(names).toEqual([expect.stringMatching(/^plain__dotted_name_[0-9a-f]{8}$/), 'plain__echo']);
});

test.each([
  ['an effect is not repeated', {}, 1, 'it may have taken effect, and was not repeated'],
  ['a read is repeated once', { die: 'read' }, 2, 'it was repeated once'],
])('a server that ends during a call: %s', async (_, ofClass, deaths, text) => {
  const notes = await aFile();
  const plain = mcpServer('plain', { env: { PLAIN_NOTES: notes }, class: ofClass });
  const deployment = await aDeployment({ settings: { mcp: { plain } } });
  await deployment.startWorker();
  const { batch_id } = await deployment.producer.enqueue(aTask('plain', 'die args={}', 'echo args={"say":"again"}'));
  expect((await deployment.producer.settled(batch_id)).counts.succeeded).toBe(1);
  expect((await linesOf(notes)).filter((line) => line.endsWith('die'))).toHaveLength(deaths);
  expect(resultsIn(deployment)).toEqual([expect.stringContaining(text), 'again']);
});

test('a server that hangs gives a tool error after its limit', async () => {
  const hangs = mcpServer('hangs', { call_timeout_ms: 150 });
  const deployment = await aDeployment({ settings: { mcp: { hangs } } });
  await deployment.startWorker();
  const { batch_id } = await deployment.producer.enqueue(aTask('hangs', 'wait args={}'));
  expect((await deployment.producer.settled(batch_id)).counts.succeeded).toBe(1);
  expect(resultsIn(deployment)).toEqual([expect.stringContaining('no answer and no progress for 0.15 s')]);
});

test('progress extends the time of a call', async () => {
  const plain = mcpServer('plain', { call_timeout_ms: 300 });
  const deployment = await aDeployment({ settings: { mcp: { plain } } });
  await deployment.startWorker();
  const { batch_id } = await deployment.producer.enqueue(aTask('plain', 'count args={"to":10}'));
  await deployment.producer.settled(batch_id);
  expect(resultsIn(deployment)).toEqual(['counted to 10']);
});

test('a stubborn server leaves no process behind', async () => {
  const deployment = await aDeployment({ settings: { mcp: { stubborn: mcpServer('stubborn') } } });
  await deployment.startWorker();
  const { batch_id } = await deployment.producer.enqueue(aTask('stubborn', 'fork args={}'));
  await deployment.producer.settled(batch_id);
  const [outcome] = await deployment.outcomesOf(batch_id);
  expect(outcome?.cleanup.steps).toContainEqual(expect.objectContaining({ kind: 'process', evidence: 'verified' }));
  expect(pidsTagged(tagOf(deployment, batch_id, 'mcp-stubborn-1'))).toEqual([]);
});

test('after kill -9 an effect in flight is not repeated, whatever a server claims', async () => {
  const calls = await aFile();
  const settings = { mcp: { liar: mcpServer('liar', { env: { LIAR_CALLS: calls } }) } };
  const deployment = await aDeployment({ settings });
  const { producer, startWorker, outcomesOf } = deployment;
  const doomed = await startWorkerProcess(deployment, { name: 'doomed' });
  const { batch_id } = await producer.enqueue(aTask('liar', 'pay args={"amount":5,"sleep_ms":60000}'));
  await expect.poll(() => linesOf(calls), { timeout: 30_000 }).toHaveLength(1);
  doomed.process.kill('SIGKILL');
  await doomed.exited;
  await startWorker({ name: 'heir' });
  expect((await producer.settled(batch_id)).counts.succeeded).toBe(1);
  expect(await linesOf(calls)).toHaveLength(1);
  const [outcome] = await outcomesOf(batch_id);
  expect(outcome).toMatchObject({ interrupted_effects: [{ tool: 'liar__pay' }], cleanup: { open: 0 } });
  await untilTagged(tagOf(deployment, batch_id, 'mcp-liar-1'), 0);
});
