import { expect, test } from 'vitest';
import { Redactor } from '../../../src/base/secret.ts';
import { unlessSuperseded } from '../../../src/worker/ending/close.ts';
import { openRecords, outcomeOf } from '../../records/samples.ts';

test('an outcome that the fence of a newer attempt refuses comes back as data', async () => {
  const { tasks, taskIds } = await openRecords();
  const [taskId = ''] = taskIds;
  await tasks.open(taskId, 'local', 'paused');
  await tasks.open(taskId, 'local', 'heir');
  const late = await unlessSuperseded(tasks.close(1, outcomeOf(taskId, 'late')), new Redactor());
  expect(late).toMatchObject({ status: 'superseded', failure: { code: 'ATTEMPT_SUPERSEDED' } });
  const own = await unlessSuperseded(tasks.close(2, outcomeOf(taskId, 'own')), new Redactor());
  expect(own).toMatchObject({ status: 'recorded', outcome: { answer: { text: 'own' } } });
});

test('an error other than a refusal is thrown on', async () => {
  const broken = Promise.reject(new Error('connection lost'));
  await expect(unlessSuperseded(broken, new Redactor())).rejects.toThrow('connection lost');
});
