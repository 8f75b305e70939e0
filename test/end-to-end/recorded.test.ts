import { readdirSync, readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { aDeployment } from '../helpers/deployment.ts';
import { openRedis } from '../helpers/redis.ts';
import { load } from '../records/recording.ts';

const DIR = join(import.meta.dirname, '../fixtures/records');
const recordings = readdirSync(DIR).filter((file) => file.endsWith('.json'));

/** A deployment in which workers of another version have left settled, running, handed-back and waiting batches. */
async function aLoadedDeployment(file: string) {
  const deployment = await aDeployment();
  const { prefix, workspaceRoot } = deployment;
  const text = readFileSync(join(DIR, file), 'utf8');
  const { batches } = await load(openRedis(), text, { prefix, workspaceRoot, host: hostname() });
  const idOf = (state: string) => batches[state] ?? `no batch that is ${state}`;
  return { ...deployment, idOf };
}

test('there are recordings to read', () => {
  expect(recordings).toContain('23a7ccd.json');
});

test.each(recordings)('%s: settled batches are read, all others are finished', async (file) => {
  const { producer, outcomesOf, idOf, startWorker, simulator } = await aLoadedDeployment(file);
  expect(await producer.status(idOf('settled'))).toMatchObject({
    status: 'settled',
    metadata: { of: 'the batch' },
    counts: { succeeded: 3, failed: 1 },
    summary: { counts: { succeeded: 3, failed: 1 }, failures: [{ index: 3 }], cleanup: { open: 0 } },
  });
  expect(await outcomesOf(idOf('settled'))).toMatchObject([
    { status: 'succeeded', metadata: { of: 'the task' }, turns: 1 },
    { status: 'succeeded', tool_calls: 1, answer: { files: [{ path: 'a.txt', text: 'hello' }] } },
    { status: 'succeeded', attempts: [{ ended: 'deferred' }, { ended: 'succeeded' }] },
    { status: 'failed', failure: { code: 'PROVIDER_REFUSED_REQUEST' } },
  ]);
  expect((await producer.settled(idOf('cancelled'))).counts.cancelled).toBe(2);
  for (const outcome of await outcomesOf(idOf('cancelled'))) {
    expect(outcome).toMatchObject({ status: 'cancelled', turns: 1, failure: { code: 'ATTEMPT_CANCELLED' } });
  }
  for (const state of ['handedBack', 'running', 'waiting']) {
    expect(await producer.status(idOf(state))).toMatchObject({ status: 'running', ended: 0 });
  }

  await startWorker({ lock_duration_ms: 3_000 });
  for (const state of ['waiting', 'handedBack', 'running']) await producer.settled(idOf(state));
  expect(await outcomesOf(idOf('waiting'))).toMatchObject([
    { status: 'succeeded', turns: 2, attempts: [{ epoch: 1 }] },
    { status: 'succeeded', turns: 1 },
  ]);
  // Recorded turns are not paid for again, and the resources of the dead worker are released with proof.
  const resumed = { status: 'succeeded', turns: 2, cleanup: { open: 0 } };
  expect(await outcomesOf(idOf('handedBack'))).toMatchObject([
    { ...resumed, attempts: [{ ended: 'handed_back' }, { ended: 'succeeded' }] },
  ]);
  const [limited, first, second, parked] = await outcomesOf(idOf('running'));
  expect(limited).toMatchObject({ status: 'succeeded', attempts: [{ ended: 'deferred' }, { ended: 'succeeded' }] });
  for (const killed of [first, second]) {
    expect(killed).toMatchObject({ ...resumed, attempts: [{ ended: 'lost' }, { ended: 'succeeded' }] });
    expect(killed?.cleanup.steps.filter(({ actor }) => actor !== 'owner').length).toBeGreaterThan(0);
  }
  expect(parked).toMatchObject({ status: 'succeeded', attempts: [{ epoch: 1 }] });
  const firstTurns = simulator.requests().filter(({ turn, body }) => turn === 1 && body.includes('HELD'));
  expect(firstTurns).toHaveLength(1);
});
