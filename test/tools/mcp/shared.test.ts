import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, inject, onTestFinished, test, vi } from 'vitest';
import { WorkerRecords } from '../../../src/records/worker-records.ts';
import { aFolder, start } from '../../app/run-cli.ts';
import { aDeployment, type Deployment } from '../../helpers/deployment.ts';
import { anMcpServerOverHttp } from '../../helpers/mcp-http-server.ts';
import { mcpServer } from '../../helpers/mcp-servers.ts';
import { startWorkerProcess } from '../../helpers/process.ts';
import { pidsTagged, untilTagged } from '../../helpers/process-trees.ts';
import { openRedis } from '../../helpers/redis.ts';

/** A shared server over stdio that notes its starts, and the lines of its notes. */
async function aPlainServer(over: object = {}) {
  const dir = await mkdtemp(join(tmpdir(), 'errand-mcp-'));
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
  const notes = join(dir, 'notes');
  const plain = mcpServer('plain', { isolation: 'shared', env: { PLAIN_NOTES: notes }, ...over });
  const starts = async () =>
    (await readFile(notes, 'utf8')).split('\n').filter((line) => line.endsWith('start')).length;
  return { plain, starts };
}

const ECHO = '[[sim: tool=plain__echo args={"say":"hi"}]] [[sim: text="done"]]';
const LOOK_UP = '[[sim: tool=wiki__look_up args={}]] [[sim: text="done"]]';

async function succeed({ producer }: Deployment, ...tasks: { goal: string; toolsets: string[] }[]): Promise<void> {
  const { batch_id } = await producer.enqueue({ tasks: tasks.map((task) => ({ ...task, provider: 'local' })) });
  expect((await producer.settled(batch_id)).counts.succeeded).toBe(tasks.length);
}

const echo = { goal: ECHO, toolsets: ['mcp:plain'] };
const lookUp = { goal: LOOK_UP, toolsets: ['mcp:wiki'] };

/** The open rows of what workers share. */
async function sharedRows({ prefix }: Deployment) {
  const workers = new WorkerRecords(openRedis(inject('redisUrl')), prefix);
  const rows = await Promise.all((await workers.list()).map(({ instance }) => workers.openRowsOf(instance, 100)));
  return rows.flat().flatMap((row) => (row.status === 'readable' && row.taskId.startsWith('w') ? [row.entry] : []));
}

/** The lines of logs about released resources that workers share. */
function releasesIn({ logs }: Deployment): Record<string, unknown>[] {
  const lines = logs.flatMap((text) => text.split('\n')).filter((line) => line.includes('released a shared resource'));
  return lines.map((line) => JSON.parse(line));
}

function tagIn(ref: string | undefined): string {
  return /^\d+:\d+:(.+)$/.exec(ref ?? '')?.[1] ?? '';
}

test('20 tasks share one process, which is on the ledger and ends with the worker', async () => {
  const { plain, starts } = await aPlainServer();
  const deployment = await aDeployment({ settings: { mcp: { plain } } });
  const worker = await deployment.startWorker();
  await succeed(deployment, ...Array.from({ length: 20 }, () => echo));
  expect(await starts()).toBe(1);
  const rows = await sharedRows(deployment);
  expect(rows).toEqual([expect.objectContaining({ kind: 'process', status: 'acquired' })]);
  const tag = tagIn(rows[0]?.ref);
  expect(pidsTagged(tag)).not.toEqual([]);
  await worker.drain();
  expect(releasesIn(deployment)).toMatchObject([
    { row: '1.process.mcp-plain-1', evidence: 'verified', actor: 'owner' },
  ]);
  expect(await sharedRows(deployment)).toEqual([]);
  expect(pidsTagged(tag)).toEqual([]);
});

test('a shared server ends after its idle time, and the next task starts it again', async () => {
  const { plain, starts } = await aPlainServer({ idle_ms: 50 });
  const deployment = await aDeployment({ settings: { mcp: { plain } } });
  await deployment.startWorker();
  await succeed(deployment, echo);
  await expect.poll(() => releasesIn(deployment).length, { timeout: 10_000 }).toBeGreaterThan(0);
  const before = await starts();
  await succeed(deployment, echo);
  expect(await starts()).toBe(before + 1);
});

test('an unused shared server gives its place to a server that waits', async () => {
  const { plain, starts } = await aPlainServer();
  const liar = mcpServer('liar');
  const deployment = await aDeployment({ settings: { mcp: { max_processes: 1, plain, liar } } });
  await deployment.startWorker();
  await succeed(deployment, echo);
  await succeed(deployment, { goal: '[[sim: text="done"]]', toolsets: ['mcp:liar'] });
  await succeed(deployment, echo);
  expect(await starts()).toBe(2);
});

test('a shared server that has died is released and replaced', async () => {
  const { plain, starts } = await aPlainServer();
  const deployment = await aDeployment({ settings: { mcp: { plain } } });
  await deployment.startWorker();
  await succeed(deployment, { ...echo, goal: '[[sim: tool=plain__die args={}]] [[sim: text="done"]]' });
  await succeed(deployment, echo);
  expect(await starts()).toBe(2);
  expect(releasesIn(deployment)).toMatchObject([{ row: '1.process.mcp-plain-1', evidence: 'verified' }]);
  expect(await sharedRows(deployment)).toHaveLength(1);
});

test('after a quiet time a session that the server has lost is replaced before a call', async () => {
  const { url, sessions } = await anMcpServerOverHttp();
  const deployment = await aDeployment({ settings: { mcp: { wiki: { url, isolation: 'shared' } } } });
  await deployment.startWorker();
  await succeed(deployment, lookUp);
  sessions.clear();
  const now = performance.now.bind(performance);
  vi.spyOn(performance, 'now').mockImplementation(() => now() + 31_000);
  onTestFinished(() => void vi.restoreAllMocks());
  await succeed(deployment, lookUp);
  expect(deployment.simulator.requests().at(-1)?.body).toContain('a page');
  expect(sessions).toEqual(new Set(['session-2']));
  expect(releasesIn(deployment)).toMatchObject([{ kind: 'mcp_session', evidence: 'verified' }]);
});

test('tasks share one session over HTTP, which the drain ends at the server', async () => {
  const { url, requests, sessions } = await anMcpServerOverHttp();
  const deployment = await aDeployment({ settings: { mcp: { wiki: { url, isolation: 'shared' } } } });
  const worker = await deployment.startWorker();
  await succeed(deployment, lookUp, lookUp, lookUp);
  expect(sessions).toEqual(new Set(['session-1']));
  await worker.drain();
  expect(sessions).toEqual(new Set());
  expect(requests.filter((line) => line.startsWith('DELETE'))).toHaveLength(1);
  expect(releasesIn(deployment)).toMatchObject([{ kind: 'mcp_session', evidence: 'acknowledged', actor: 'owner' }]);
});

test('after kill -9 another worker closes the rows of shared servers with evidence', async () => {
  const { plain } = await aPlainServer();
  const { url, sessions } = await anMcpServerOverHttp();
  const deployment = await aDeployment({ settings: { mcp: { plain, wiki: { url, isolation: 'shared' } } } });
  const doomed = await startWorkerProcess(deployment, { name: 'doomed with a / and a :' });
  await succeed(deployment, echo, lookUp);
  const rows = await sharedRows(deployment);
  expect(rows.map(({ kind }) => kind).toSorted()).toEqual(['mcp_session', 'process']);
  doomed.process.kill('SIGKILL');
  await doomed.exited;
  await deployment.startWorker({ name: 'knows no wiki' }, { mcp: { plain } });
  await expect
    .poll(async () => (await sharedRows(deployment)).map(({ ref }) => ref), { timeout: 20_000 })
    .toEqual([expect.stringMatching(/wiki-1\/session-1$/)]);
  const { prefix } = deployment;
  const leaks = await start(['leaks', '--json'], aFolder(), { REDIS_URL: inject('redisUrl'), ERRAND_PREFIX: prefix })
    .ended;
  expect(JSON.parse(leaks.out)).toMatchObject({ task_id: null, kind: 'mcp_session', status: 'acquired' });
  await deployment.startWorker({ name: 'heir' });
  await expect.poll(() => sharedRows(deployment), { timeout: 20_000 }).toEqual([]);
  const released = releasesIn(deployment).toSorted((a, b) => (String(a.kind) < String(b.kind) ? -1 : 1));
  expect(released).toMatchObject([
    { kind: 'mcp_session', evidence: 'acknowledged', actor: expect.stringMatching(/boot_sweep|reclaim/) },
    { kind: 'process', evidence: 'verified', detail: expect.stringContaining('has ended') },
  ]);
  expect(sessions).toEqual(new Set());
  await untilTagged(tagIn(rows.find(({ kind }) => kind === 'process')?.ref), 0);
});
