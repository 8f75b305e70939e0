import { expect, onTestFinished, test, vi } from 'vitest';
import type { BackgroundResponse } from '../../../src/contract/checkpoint.ts';
import { abandonResponse } from '../../../src/worker/ending/abandon-response.ts';
import { identifyWorker } from '../../../src/worker/holding/identity.ts';
import { Reclaim } from '../../../src/worker/holding/reclaim.ts';
import { responseMarkOf } from '../../../src/worker/holding/response-kind.ts';
import { aHandBack, releasersFor } from '../../helpers/releasers.ts';
import { aWitness } from '../../helpers/witness.ts';
import { providerAt, serve } from '../../providers/models.ts';
import { openRecords, outcomeOf } from '../../records/samples.ts';

const RESPONSE: BackgroundResponse = { turn: 1, provider: 'local', id: 'resp_1', epoch: 1 };

/** A task with a running background response, and a provider that answers its cancels with these states, in order. */
async function aTaskWithResponse(...answers: (string | number)[]) {
  const records = await openRecords();
  const { tasks, workers, redactor, prefix } = records;
  const [taskId = ''] = records.taskIds;
  const deployment = { prefix, workspaceRoot: '/nowhere' };
  const kept = { metadata: responseMarkOf(deployment, taskId) };
  const asked: string[] = [];
  const provider = await serve((req, res) => {
    const isLook = req.method === 'GET';
    if (!isLook) asked.push(`${req.method} ${req.url}`);
    const answer = isLook ? 'in_progress' : (answers.shift() ?? 404);
    if (typeof answer === 'number') res.writeHead(answer).end();
    else {
      res.writeHead(200, { 'content-type': 'application/json' });
      res.end(JSON.stringify({ id: RESPONSE.id, object: 'response', status: answer, ...kept }));
    }
  });
  onTestFinished(provider.close);
  const local = providerAt('responses', provider.url, { name: 'local', credential: 'env:LOCAL_KEY' });
  const releasers = releasersFor(redactor, [local], { LOCAL_KEY: 'sk-local-0123456789' }, deployment);
  const self = await identifyWorker('w');
  await workers.register(self);
  const reclaim = new Reclaim({
    ...aHandBack(records),
    workers,
    records: tasks,
    self,
    releasers,
    observer: aWitness(),
  });
  await tasks.open(taskId, 'local', self.name);
  const abandon = (epoch: number) =>
    abandonResponse(RESPONSE, { taskId, epoch }, { records: tasks, releasers, reclaim, self });
  return { ...records, self, reclaim, taskId, asked, kept, abandon };
}

test('a response that its provider stopped is reported in its words and has no row', async () => {
  const { abandon, tasks, workers, taskId, asked, self } = await aTaskWithResponse('cancelled');
  const steps = await abandon(1);
  expect(steps).toMatchObject([
    { kind: 'response', ref: 'local/resp_1', status: 'released', evidence: 'acknowledged', actor: 'owner' },
  ]);
  expect(await workers.openRowsOf(self.instance, 10)).toHaveLength(1);
  await tasks.close(1, outcomeOf(taskId, 'done'), { owner: self.instance, steps });
  expect(await workers.openRowsOf(self.instance, 10)).toEqual([]);
  expect(asked).toEqual(['POST /v1/responses/resp_1/cancel']);
});

test('a cancel that the provider does not answer leaves its row open and is repeated', async () => {
  const { abandon, tasks, workers, reclaim, batches, batchId, taskId, asked, self } = await aTaskWithResponse(
    503,
    'in_progress',
    'cancelled',
  );
  vi.useFakeTimers({ toFake: ['performance'] });
  onTestFinished(() => void vi.useRealTimers());
  const steps = await abandon(1);
  expect(steps).toMatchObject([{ status: 'open', evidence: 'unknown' }]);
  await tasks.close(1, outcomeOf(taskId, 'done'), { owner: self.instance, steps });
  const open = async () => (await workers.openRowsOf(self.instance, 10)).map(({ id }) => id);
  expect(await open()).toEqual(['1.response.resp_1']);

  await reclaim.sweep('reclaim');
  await reclaim.sweep('reclaim');
  expect(asked).toHaveLength(2);
  expect(await open()).toEqual(['1.response.resp_1']);
  vi.advanceTimersByTime(10_000);
  await reclaim.sweep('reclaim');
  expect(await open()).toEqual([]);
  expect(asked).toHaveLength(3);
  const [outcome] = await batches.outcomes(batchId, 0, 1);
  expect(outcome?.cleanup).toMatchObject({
    steps: [{ kind: 'response', status: 'released', evidence: 'acknowledged', actor: 'reclaim' }],
    open: 0,
  });
  await reclaim.sweep('reclaim');
  expect(asked).toHaveLength(3);
});

test('a row that a sweep passes while its attempt still unwinds is looked at again', async () => {
  const { abandon, workers, reclaim, taskId, asked, self } = await aTaskWithResponse(503, 'cancelled');
  const leave = reclaim.markRunning(taskId, 1);
  await abandon(1);
  await reclaim.sweep('reclaim');
  leave(false);
  expect(asked).toHaveLength(1);
  await reclaim.sweep('reclaim');
  expect(asked).toHaveLength(2);
  expect(await workers.openRowsOf(self.instance, 10)).toEqual([]);
});

test('a response that a newer attempt goes on with is left alone', async () => {
  const { abandon, tasks, taskId, asked } = await aTaskWithResponse('cancelled');
  await tasks.open(taskId, 'local', 'heir');
  expect(await abandon(1)).toEqual([]);
  expect(asked).toEqual([]);
});

test.each([
  ['another task', { errand_task: 'b0000000000000000000000-0' }],
  ['another deployment', { errand_deployment: '0123456789abcdef' }],
  ['nobody', { errand_task: undefined, errand_deployment: undefined }],
])('a response that %s asked for is not cancelled, and its row stays open', async (_, over) => {
  const { abandon, asked, kept } = await aTaskWithResponse('cancelled');
  Object.assign(kept.metadata, over);
  const detail = 'the response does not carry the mark of its task';
  expect(await abandon(1)).toMatchObject([{ status: 'open', evidence: 'unknown', detail }]);
  expect(asked).toEqual([]);
});
