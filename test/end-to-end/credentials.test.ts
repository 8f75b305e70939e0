import { mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { aDeployment } from '../helpers/deployment.ts';

/** A deployment whose provider `local` reads its key from a file and refuses the keys in `refused`. */
async function aDeploymentWithKeyFile(key: string, refused: string[] = []) {
  const folder = await mkdtemp(join(tmpdir(), 'errand-key-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const keyFile = join(folder, 'key');
  await writeFile(keyFile, key);
  const deployment = await aDeployment({
    environment: { SIM_LOCAL_KEY: undefined, SIM_LOCAL_KEY_FILE: keyFile },
    script: { rules: refused.map((value) => ({ match: { key: value }, steps: [{ status: 401 }] })) },
  });
  return { ...deployment, keyFile, replaceKey: (next: string) => writeFile(keyFile, next) };
}

const TWO_TURNS = '[[sim: tool=list_files args={}]] [[sim: turn=2 status=401 times=1]] [[sim: text="done"]]';

test('a task whose key was replaced while it ran goes on with the new one [B86]', async () => {
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

test('a task whose key is refused and not replaced within five seconds fails', async () => {
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

const HALF = 'key-of-the-ha';

/** The states of a file while its key is replaced: how the gap begins, and how it ends. */
const GAPS: [string, number, (file: string) => Promise<void>][] = [
  ['empty', 500, (file) => writeFile(file, '')],
  ['half-written', 100, (file) => writeFile(file, HALF)],
  ['renamed', 100, (file) => rename(file, `${file}.old`)],
  [
    'a link to nothing',
    100,
    async (file) => {
      await rename(file, `${file}.old`);
      await symlink(`${file}.new`, file);
    },
  ],
];

test.each(GAPS)('tasks over a gap of 1 s in their key file all succeed: %s', async (_, total, begin) => {
  const { producer, simulator, startWorker, outcomesOf, keyFile, replaceKey } = await aDeploymentWithKeyFile(
    'key-of-yesterday',
    [HALF],
  );
  let asked = 0;
  const ended = Promise.withResolvers<void>();
  simulator.onRequest(async (_request, phase) => {
    if (phase !== 'received' || ++asked !== 40) return;
    await begin(keyFile);
    setTimeout(() => ended.resolve(replaceKey('key-of-the-half-and-half')), 1_000);
  });
  await startWorker({ concurrency: 20 });
  const tasks = Array.from({ length: total }, (_, at) => ({ goal: `Task ${at}`, provider: 'local' }));
  const { batch_id: batchId } = await producer.enqueue({ tasks });
  const { counts } = await producer.settled(batchId);
  await ended.promise;
  expect(counts).toEqual({ succeeded: total, failed: 0, rejected: 0, cancelled: 0 });
  const ends = (await outcomesOf(batchId)).flatMap(({ attempts }) => attempts.map(({ ended }) => ended));
  expect(ends.filter((ended) => ended !== 'succeeded' && ended !== 'handed_back')).toEqual([]);
  expect(simulator.requests().some(({ key }) => key === 'key-of-the-half-and-half')).toBe(true);
});

test.each(['batch', 'task'] as const)(
  'a batch admitted by %s with an empty key file runs once the key is there',
  async (admission) => {
    const { producer, startWorker, replaceKey } = await aDeploymentWithKeyFile('');
    await startWorker();
    const tasks = Array.from({ length: 50 }, (_, at) => ({ goal: `Task ${at}`, provider: 'local' }));
    const { batch_id: batchId } = await producer.enqueue({ tasks, admission });
    await expect.poll(async () => (await producer.status(batchId)).running).toBe(50);
    await replaceKey('key-of-today');
    expect((await producer.settled(batchId)).counts.succeeded).toBe(50);
  },
);

test('an empty key file rejects a batch after 5 s; the next batch reads it again', async () => {
  const { producer, startWorker, outcomesOf, replaceKey } = await aDeploymentWithKeyFile('');
  await startWorker();
  const goal = 'No key';
  const first = await producer.enqueue({ goal, provider: 'local' });
  await producer.settled(first.batch_id);
  expect(await outcomesOf(first.batch_id)).toMatchObject([
    { status: 'rejected', failure: { code: 'CREDENTIAL_MISSING' } },
  ]);
  await replaceKey('key-of-today');
  const second = await producer.enqueue({ goal, provider: 'local' });
  expect((await producer.settled(second.batch_id)).counts.succeeded).toBe(1);
});

test('a cancel reaches a task that waits for its key', async () => {
  const { producer, startWorker, outcomesOf } = await aDeploymentWithKeyFile('');
  await startWorker();
  const { batch_id: batchId } = await producer.enqueue({ goal: 'No key', provider: 'local' });
  await expect.poll(async () => (await producer.status(batchId)).running).toBe(1);
  await producer.cancel(batchId, 'enough');
  await producer.settled(batchId);
  expect(await outcomesOf(batchId)).toMatchObject([{ status: 'cancelled' }]);
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
