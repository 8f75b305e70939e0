import { expect, test } from 'vitest';
import { aDeployment } from '../../helpers/deployment.ts';
import { anMcpServerOverHttp } from '../../helpers/mcp-http-server.ts';
import { startWorkerProcess } from '../../helpers/process.ts';

test('a session over HTTP is on the ledger, and the server acknowledges its end', async () => {
  const { url, requests, sessions } = await anMcpServerOverHttp();
  const deployment = await aDeployment({
    environment: { WIKI_TOKEN: 'planted-token-of-the-wiki' },
    settings: { mcp: { wiki: { url, credential: 'env:WIKI_TOKEN' } } },
  });
  await deployment.startWorker();
  const goal = '[[sim: tool=wiki__look_up args={}]] [[sim: text="done"]]';
  const { batch_id } = await deployment.producer.enqueue({ goal, provider: 'local', toolsets: ['mcp:wiki'] });
  expect((await deployment.producer.settled(batch_id)).counts.succeeded).toBe(1);
  expect(deployment.simulator.requests().at(-1)?.body).toContain('a page');
  const [outcome] = await deployment.outcomesOf(batch_id);
  const step = outcome?.cleanup.steps.find(({ kind }) => kind === 'mcp_session');
  expect(step).toMatchObject({
    status: 'released',
    evidence: 'acknowledged',
    ref: expect.stringMatching(/wiki-1\/session-1$/),
  });
  expect(sessions).toEqual(new Set());
  expect(requests.at(-1)).toBe('DELETE session-1 Bearer planted-token-of-the-wiki');
});

// The handshake, the list and the call; the server has no stream of its own.
test.each([
  ['in a call', 'tools/call', 4],
  ['while it confirms the session', 'notifications/initialized', 2],
])('after kill -9 %s another worker ends the session at its server', async (_, hangsAt, posts) => {
  const { url, requests, sessions } = await anMcpServerOverHttp({ hangsAt });
  const deployment = await aDeployment({ settings: { mcp: { wiki: { url } } } });
  const { producer, startWorker, outcomesOf } = deployment;
  const doomed = await startWorkerProcess(deployment, { name: 'doomed' });
  const goal = '[[sim: tool=wiki__look_up args={}]] [[sim: text="done"]]';
  const { batch_id } = await producer.enqueue({ goal, provider: 'local', toolsets: ['mcp:wiki'] });
  await expect.poll(() => requests.filter((line) => line.startsWith('POST')), { timeout: 30_000 }).toHaveLength(posts);
  doomed.process.kill('SIGKILL');
  await doomed.exited;
  await startWorker({ name: 'heir' });
  await producer.settled(batch_id);
  const [outcome] = await outcomesOf(batch_id);
  expect(outcome?.cleanup).toMatchObject({ open: 0 });
  expect(outcome?.cleanup.steps).toContainEqual(
    expect.objectContaining({
      kind: 'mcp_session',
      evidence: 'acknowledged',
      actor: expect.stringMatching(/reclaim|boot/),
    }),
  );
  expect(sessions).toEqual(new Set());
});

test('a handshake that does not end in time fails, and its session is ended', async () => {
  const { url, sessions } = await anMcpServerOverHttp({ hangsAt: 'notifications/initialized' });
  const deployment = await aDeployment({ settings: { mcp: { wiki: { url, start_timeout_ms: 300 } } } });
  await deployment.startWorker();
  const goal = '[[sim: tool=wiki__look_up args={}]] [[sim: text="done"]]';
  const { batch_id } = await deployment.producer.enqueue({ goal, provider: 'local', toolsets: ['mcp:wiki'] });
  expect((await deployment.producer.settled(batch_id)).counts.succeeded).toBe(1);
  const [outcome] = await deployment.outcomesOf(batch_id);
  expect(outcome?.attempts.map(({ ended }) => ended)).toEqual(['failed', 'succeeded']);
  expect(sessions).toEqual(new Set());
});

test.each([
  ['a broken socket', 'break', 'read', 'a page'],
  ['a broken socket in an effect', 'break', 'effect', 'it may have taken effect, and was not repeated'],
  ['a session that is gone', 'gone', 'read', 'a page'],
])('%s costs one new session at most', async (_, atFirstCall, ofClass, text) => {
  const { url, requests, sessions } = await anMcpServerOverHttp({ atFirstCall });
  const deployment = await aDeployment({ settings: { mcp: { wiki: { url, class: { look_up: ofClass } } } } });
  await deployment.startWorker();
  const goal = '[[sim: tool=wiki__look_up args={}]] [[sim: text="done"]]';
  const { batch_id } = await deployment.producer.enqueue({ goal, provider: 'local', toolsets: ['mcp:wiki'] });
  expect((await deployment.producer.settled(batch_id)).counts.succeeded).toBe(1);
  expect(deployment.simulator.requests().at(-1)?.body).toContain(text);
  expect(requests.filter((line) => line.startsWith('POST - '))).toHaveLength(ofClass === 'effect' ? 1 : 2);
  expect(sessions).toEqual(new Set());
});
