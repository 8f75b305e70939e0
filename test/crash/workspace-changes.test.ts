import { expect, test } from 'vitest';
import { aDeployment } from '../helpers/deployment.ts';
import { startWorkerProcess } from '../helpers/process.ts';
import { turnsReached } from '../helpers/requests.ts';

function call(tool: string, args: object, more = ''): string {
  return `[[sim: tool=${tool} args=${JSON.stringify(args)}${more}]]`;
}

test('after kill -9, each edit, append and delete is made again once', async () => {
  const deployment = await aDeployment();
  const { producer, simulator, startWorker, outcomesOf } = deployment;
  const doomed = await startWorkerProcess(deployment, { name: 'doomed' });
  const steps = [
    call('write_file', { path: 'old/draft', content: 'x' }),
    call('append_file', { path: 'log', content: 'one\n' }),
    call('append_file', { path: 'log', content: 'one\n' }, ' parallel'),
    call('edit_file', { path: 'log', old_text: 'one\none', new_text: 'one\ntwo' }),
    call('edit_file', { path: 'log', old_text: 'absent', new_text: 'x' }, ' parallel'),
    call('delete_file', { path: 'old/draft' }),
    call('append_file', { path: 'log', content: 'three\n' }),
    call('edit_file', { path: 'log', old_text: 'three', new_text: '3' }, ' parallel'),
  ];
  const goal = `Keep a log. ${steps.join(' ')} [[sim: turn=6 hang=headers times=1]] [[sim: text="done"]]`;
  const inLastTurn = turnsReached(simulator, 6, 1);
  const { batch_id } = await producer.enqueue({ goal, provider: 'local', toolsets: ['workspace'] });
  await inLastTurn;
  doomed.process.kill('SIGKILL');
  await doomed.exited;

  await startWorker({ name: 'heir' });
  await producer.settled(batch_id);
  const [outcome] = await outcomesOf(batch_id);
  expect(outcome).toMatchObject({
    status: 'succeeded',
    answer: { text: 'done', files: [{ path: 'log', text: 'one\ntwo\n3\n' }] },
    attempts: [{ worker: 'doomed', ended: 'lost' }, { worker: 'heir' }],
  });
});
