import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { aDeployment } from '../helpers/deployment.ts';

/** A deployment whose provider `local` reads its key from a file. */
async function aDeploymentWithKeyFile(key: string) {
  const folder = await mkdtemp(join(tmpdir(), 'errand-key-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const keyFile = join(folder, 'key');
  await writeFile(keyFile, key);
  const deployment = await aDeployment({ environment: { SIM_LOCAL_KEY: undefined, SIM_LOCAL_KEY_FILE: keyFile } });
  return { ...deployment, replaceKey: (next: string) => writeFile(keyFile, next) };
}

const TWO_TURNS = '[[sim: tool=list_files args={}]] [[sim: turn=2 status=401 times=1]] [[sim: text="done"]]';

test('a task whose key was replaced while it ran goes on with the new one from its last turn, and spends no try', async () => {
  const { producer, simulator, startWorker, outcomesOf, replaceKey } = await aDeploymentWithKeyFile('key-of-yesterday');
  simulator.onRequest(async (request, phase) => {
    if (phase === 'received' && request.turn === 1) await replaceKey('key-of-today');
  });
  await startWorker();
  const { batch_id: batchId } = await producer.enqueue({
    tasks: [{ goal: TWO_TURNS, provider: 'local', toolsets: ['workspace'] }],
  });
  await producer.settled(batchId);
  const [outcome] = await outcomesOf(batchId);
  expect(outcome).toMatchObject({ status: 'succeeded', turns: 2 });
  expect(outcome?.attempts.map(({ ended, failure }) => [ended, failure?.code])).toEqual([
    ['handed_back', 'CREDENTIAL_REPLACED'],
    ['succeeded', undefined],
  ]);
  expect(simulator.requests().map(({ key, turn }) => [key, turn])).toEqual([
    ['key-of-yesterday', 1],
    ['key-of-yesterday', 2],
    ['key-of-today', 2],
  ]);
});

test('a task whose key is refused and was not replaced fails at once', async () => {
  const { producer, simulator, startWorker, outcomesOf } = await aDeploymentWithKeyFile('key-of-yesterday');
  await startWorker();
  const { batch_id: batchId } = await producer.enqueue({
    tasks: [{ goal: TWO_TURNS, provider: 'local', toolsets: ['workspace'] }],
  });
  await producer.settled(batchId);
  const [outcome] = await outcomesOf(batchId);
  expect(outcome).toMatchObject({ status: 'failed', failure: { code: 'CREDENTIAL_REJECTED' } });
  expect(simulator.requests()).toHaveLength(2);
});

test.each(['local', 'openai', 'anthropic'])(
  'a key that %s repeats where its message is cut leaves none of itself behind',
  async (provider) => {
    const { producer, startWorker, outcomesOf } = await aDeployment();
    await startWorker();
    const tasks = [280, 960, 985].map((length) => ({
      goal: `[[sim: status=401 echo=key message="${'x'.repeat(length)}"]]`,
      provider,
    }));
    const { batch_id: batchId } = await producer.enqueue({ tasks });
    await producer.settled(batchId);
    for (const outcome of await outcomesOf(batchId)) {
      expect(outcome).toMatchObject({ status: 'failed', failure: { code: 'CREDENTIAL_REJECTED' } });
    }
  },
);
