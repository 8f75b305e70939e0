import { Queue } from 'bullmq';
import { expect, onTestFinished, test } from 'vitest';
import { composeBoard } from '../../src/app/compose-board.ts';
import { loadConfig } from '../../src/app/config.ts';
import { taskIdOf } from '../../src/base/ids.ts';
import { secretsIn } from '../../src/credentials/secrets.ts';
import { BATCH_QUEUE, laneOf } from '../../src/queue/names.ts';
import { aDeployment } from '../helpers/deployment.ts';
import { freshPrefix, redisUrl } from '../helpers/redis.ts';
import { callsOf } from './calls.ts';

/** Every reading call of a board on the jobs, and its pages, as one text each. */
async function everyAnswer(url: string, jobs: [queue: string, jobId: string][]): Promise<string[]> {
  const paths = jobs.flatMap(([queue, jobId]) => [
    ...callsOf(queue, jobId).flatMap(({ method, path }) => (method === 'GET' ? [path] : [])),
    `/api/queues?activeQueue=${queue}&status=latest`,
    `/queue/${queue}/${jobId}`,
    `/find?id=${jobId}`,
  ]);
  return Promise.all(
    paths.map(async (path) => {
      const answer = await fetch(url + path, { redirect: 'manual' });
      return `${path} ${answer.headers.get('location')} ${await answer.text()}`;
    }),
  );
}

test('a key that a provider echoed is in no answer of the board and no pub/sub message', async () => {
  const { producer, startWorker, startBoard, secrets, events } = await aDeployment();
  await startWorker();
  const goals = ['Leak it. [[sim: status=401 echo=key]]', 'Leak it later. [[sim: status=500 echo=key]]'];
  const { batch_id } = await producer.enqueue({ tasks: goals.map((goal) => ({ goal, provider: 'openai' })) });
  await producer.settled(batch_id);
  const board = await startBoard();
  const lane = laneOf('openai');
  const answers = await everyAnswer(board.url, [
    [BATCH_QUEUE, batch_id],
    [lane, taskIdOf(batch_id, 0)],
    [lane, taskIdOf(batch_id, 1)],
  ]);
  for (const secret of secrets) expect(answers.filter((answer) => answer.includes(secret))).toEqual([]);
  for (const told of ['CREDENTIAL_REJECTED', 'to be retried: PROVIDER_FAILED', '[secret]']) {
    expect(answers.filter((answer) => answer.includes(told))).not.toEqual([]);
  }
  expect(events.filter((event) => event.includes('task_ended'))).toHaveLength(2);
});

test('the board masks the keys of its own environment, wherever someone pasted them', async () => {
  const prefix = freshPrefix();
  const key = 'sk-planted-0123456789';
  const environment = { OPENAI_API_KEY: key };
  const config = loadConfig(environment, { redis_url: redisUrl(), prefix, board: { port: 0 } });
  const queue = new Queue(laneOf('openai'), { connection: { url: redisUrl() }, prefix });
  onTestFinished(() => queue.close());
  await queue.add('pasted', { task: { goal: `Use ${key}.` } }, { jobId: 'pasted' });
  const { board } = await composeBoard(config, secretsIn(environment));
  onTestFinished(() => board.close());
  const answers = await everyAnswer(board.url, [[queue.name, 'pasted']]);
  expect(answers.filter((answer) => answer.includes(key))).toEqual([]);
  expect(answers.filter((answer) => answer.includes('Use [secret].'))).not.toEqual([]);
});
