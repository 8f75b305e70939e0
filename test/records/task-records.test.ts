import { describe, expect, test } from 'vitest';
import { Secret } from '../../src/base/secret.ts';
import { cleanupOf } from '../../src/contract/cleanup.ts';
import { needsOf, TOOLS_SINCE } from '../../src/contract/needs.ts';
import type { Attempt } from '../../src/contract/outcome.ts';
import { expectNoSecret, openResendingRedis } from '../helpers/redis.ts';
import {
  attemptOf,
  checkpointOf,
  effectOf,
  intentOf,
  openRecords,
  outcomeOf,
  releasedOf,
  summaryOf,
} from './samples.ts';

const superseded = expect.objectContaining({ code: 'ATTEMPT_SUPERSEDED' });

/** Records with one task that has been opened `times` times. */
async function opened(times = 1) {
  const records = await openRecords();
  const [taskId = ''] = records.taskIds;
  for (let epoch = 1; epoch <= times; epoch++) {
    expect(await records.tasks.open(taskId, 'openai', `w${epoch}`)).toMatchObject({ status: 'opened', epoch });
  }
  return { ...records, taskId };
}

describe('opening', () => {
  test('counts epochs up and returns the ends of the earlier attempts', async () => {
    const { tasks, taskId } = await opened();
    await tasks.checkpoint(taskId, 1, checkpointOf(1));
    await tasks.endAttempt(taskId, attemptOf(1, 'deferred'));
    expect(await tasks.open(taskId, 'openai', 'w2')).toMatchObject({
      status: 'opened',
      epoch: 2,
      past: [{ epoch: 1, ended: 'deferred' }],
      checkpoints: [checkpointOf(1)],
    });
    expect(await tasks.open(taskId, 'openai', 'w3')).toMatchObject({
      epoch: 3,
      past: [{ ended: 'deferred' }, { epoch: 2, worker: 'w2', ended: 'lost' }],
    });
  });

  test('an older worker opens no task with a turn that it could not repeat', async () => {
    const { tasks, taskId } = await opened();
    const plain = checkpointOf(1);
    await tasks.checkpoint(taskId, 1, plain);
    const call = { id: 'c1', name: 'edit_file', arguments: '{}' };
    await tasks.checkpoint(taskId, 1, { ...checkpointOf(2), reply: { ...plain.reply, tool_calls: [call] } });
    const opening = await tasks.open(taskId, 'openai', 'w2');
    expect(opening.status === 'opened' && opening.checkpoints.map(needsOf)).toEqual([1, TOOLS_SINCE]);
  });

  test('gives no epoch if the batch has no record', async () => {
    const { tasks, taskId, redis, keys, batchId } = await opened();
    await redis.unlink(keys.batch(batchId));
    expect(await tasks.open(taskId, 'openai', 'w')).toEqual({ status: 'missing' });
  });

  test('gives the outcome of a task that has ended', async () => {
    const { tasks, taskId } = await opened();
    await tasks.close(1, outcomeOf(taskId, 'done'));
    expect(await tasks.open(taskId, 'openai', 'w')).toMatchObject({
      status: 'ended',
      outcome: { answer: { text: 'done' } },
    });
  });

  test('gives the flag of a cancelled task, with what its attempts had done', async () => {
    const { tasks, batches, taskId } = await opened();
    await tasks.checkpoint(taskId, 1, checkpointOf(1));
    await batches.cancel(taskId, 'enough');
    expect(await tasks.open(taskId, 'openai', 'w')).toMatchObject({
      status: 'cancelled',
      epoch: 1,
      flag: { reason: 'enough' },
      past: [{ epoch: 1, ended: 'lost' }],
      checkpoints: [checkpointOf(1)],
    });
  });
});

test('effect calls are kept for the next attempt, in order, each with its result', async () => {
  const { tasks, batches, taskId } = await opened();
  const done = { ...effectOf('1.1'), result: { call_id: 'c', text: 'sent', is_error: false } };
  expect(await tasks.journal(taskId, 1, effectOf('1.1'))).toBeNull();
  await tasks.journal(taskId, 1, done);
  for (const id of ['1.10', '1.9', '12.1', '2.1']) await tasks.journal(taskId, 1, effectOf(id));
  const others = ['1.9', '1.10', '2.1', '12.1'].map(effectOf);
  expect(await tasks.open(taskId, 'openai', 'w2')).toMatchObject({ effects: [done, ...others] });
  await batches.cancel(taskId, 'enough');
  expect(await tasks.journal(taskId, 2, effectOf('1.3'))).toMatchObject({ reason: 'enough' });
});

describe('a client that sends again what it got no reply to', () => {
  test('opens one attempt at a time', async () => {
    const { tasks, taskIds } = await openRecords({ redis: openResendingRedis() });
    const [taskId = ''] = taskIds;
    expect(await tasks.open(taskId, 'openai', 'w1')).toMatchObject({ status: 'opened', epoch: 1, past: [] });
    expect(await tasks.open(taskId, 'openai', 'w1')).toMatchObject({ epoch: 2, past: [{ epoch: 1, ended: 'lost' }] });
  });

  test('learns that its outcome is recorded, and which tasks to wake', async () => {
    const { tasks, taskIds, batches, batchId } = await openRecords({ maxConcurrent: 1, redis: openResendingRedis() });
    const [a = '', b = ''] = taskIds;
    await tasks.open(a, 'openai', 'w');
    expect(await tasks.open(b, 'openai', 'w')).toMatchObject({ status: 'parked' });
    const wake = [{ taskId: b, provider: 'openai' }];
    expect(await tasks.close(1, outcomeOf(a, 'done'))).toMatchObject({ status: 'recorded', wake });
    expect(await tasks.close(1, outcomeOf(a, 'late'))).toMatchObject({ status: 'ended', wake });
    expect(await batches.status(batchId)).toMatchObject({ ended: 1, running: 0 });
  });
});

describe('a stale owner', () => {
  test('writes nothing of its task: no row, no turn, no outcome', async () => {
    const { tasks, taskId, batches, batchId, countOpenRows } = await opened(2);
    await expect(tasks.hold(taskId, 1, [intentOf(1, '1.workspace.1')])).rejects.toEqual(superseded);
    await expect(tasks.checkpoint(taskId, 1, checkpointOf(1))).rejects.toEqual(superseded);
    await expect(tasks.journal(taskId, 1, effectOf('1.1'))).rejects.toEqual(superseded);
    await expect(tasks.close(1, outcomeOf(taskId, 'stale'))).rejects.toEqual(superseded);
    expect(await countOpenRows()).toBe(0);
    expect(await tasks.history(taskId)).toMatchObject({
      epoch: 2,
      effects: [],
      checkpoints: [],
      past: [{ ended: 'lost' }, { ended: 'lost' }],
    });
    expect(await batches.outcomes(batchId, 0, 3)).toEqual([null, null, null]);
  });

  test('says of itself that it ended, once, and no more', async () => {
    const { tasks, taskId, batches, batchId } = await opened(3);
    await expect(tasks.endAttempt(taskId, attemptOf(2, 'failed'), 'openai')).rejects.toEqual(superseded);
    await expect(tasks.endAttempt(taskId, attemptOf(2, 'lost'), 'openai')).rejects.toEqual(superseded);
    await expect(tasks.endAttempt(taskId, attemptOf(4, 'lost'), 'openai')).rejects.toEqual(superseded);
    const { epoch, past } = await tasks.history(taskId);
    expect([epoch, past.map(({ ended, ended_at }) => [ended, ended_at !== undefined])]).toEqual([
      3,
      [
        ['lost', false],
        ['failed', true],
        ['lost', false],
      ],
    ]);
    expect(await batches.sleepers(batchId)).toEqual([]);
    expect(await batches.status(batchId)).toMatchObject({ running: 1 });
  });

  test('learns which epoch is the newest', async () => {
    const { tasks, taskId } = await opened(2);
    await expect(tasks.close(1, outcomeOf(taskId, 'stale'))).rejects.toThrow('the newest epoch is 2');
  });

  test('still releases the resources that it held', async () => {
    const { tasks, taskId, countOpenRows } = await opened();
    await tasks.hold(taskId, 1, [intentOf(1, '1.workspace.1')]);
    await tasks.open(taskId, 'openai', 'w2');
    expect(await countOpenRows()).toBe(1);
    await tasks.release(taskId, { owner: 'w', steps: [releasedOf(1, '1.workspace.1')] });
    expect(await countOpenRows()).toBe(0);
  });
});

describe('a background response', () => {
  const response = { turn: 1, provider: 'openai', id: 'resp_1', epoch: 1 };

  test('is returned to the next opener of the task until its turn is recorded', async () => {
    const { tasks, taskId } = await opened();
    expect(await tasks.noteResponse(taskId, 1, response)).toBeNull();
    expect(await tasks.open(taskId, 'openai', 'w2')).toMatchObject({ epoch: 2, response });
    await tasks.checkpoint(taskId, 2, checkpointOf(1));
    expect(await tasks.open(taskId, 'openai', 'w3')).toMatchObject({ epoch: 3, response: null });
  });

  test('that was taken over is returned with its attempt, even if that was lost', async () => {
    const { tasks, taskId } = await opened();
    await tasks.noteResponse(taskId, 1, response);
    await tasks.open(taskId, 'openai', 'w2');
    await tasks.noteResponse(taskId, 2, response);
    const { past } = await tasks.history(taskId);
    expect(past).toMatchObject([{ epoch: 1 }, { epoch: 2, ended: 'lost', call_taken_over_from: 1 }]);
    expect(past[0]).not.toHaveProperty('call_taken_over_from');
  });

  test('is refused to a superseded attempt, and comes back with the flag of a cancel', async () => {
    const { tasks, batches, taskId } = await opened(2);
    await expect(tasks.noteResponse(taskId, 1, response)).rejects.toEqual(superseded);
    expect(await tasks.history(taskId)).toMatchObject({ response: null });
    await batches.cancel(taskId, 'enough');
    expect(await tasks.noteResponse(taskId, 2, response)).toMatchObject({ reason: 'enough' });
  });
});

describe('a task that has its outcome', () => {
  test('keeps the first outcome, whichever attempt closes it again', async () => {
    const { tasks, taskId, batches, batchId } = await opened();
    expect(await tasks.close(1, outcomeOf(taskId, 'first'))).toMatchObject({ status: 'recorded', wake: [] });
    for (const epoch of [0, 1, 2]) {
      expect(await tasks.close(epoch, outcomeOf(taskId, 'second'))).toMatchObject({
        status: 'ended',
        outcome: { answer: { text: 'first' } },
      });
    }
    expect(await batches.status(batchId)).toMatchObject({ ended: 1, counts: { succeeded: 1 } });
  });

  test('takes no row, no turn and no end of an attempt any more', async () => {
    const { tasks, taskId, countOpenRows } = await opened();
    await tasks.close(1, outcomeOf(taskId, 'done'));
    await expect(tasks.hold(taskId, 1, [intentOf(1, 'row')])).rejects.toThrow('the task has its outcome');
    await expect(tasks.checkpoint(taskId, 1, checkpointOf(1))).rejects.toEqual(superseded);
    await expect(tasks.endAttempt(taskId, attemptOf(1, 'failed'))).rejects.toEqual(superseded);
    expect(await countOpenRows()).toBe(0);
  });

  test('leaves nothing behind but the outcome', async () => {
    const { tasks, taskId, redis, keys } = await opened();
    await tasks.hold(taskId, 1, [intentOf(1, 'row')]);
    await tasks.checkpoint(taskId, 1, checkpointOf(1));
    await tasks.journal(taskId, 1, effectOf('1.1'));
    await tasks.release(taskId, { owner: 'w', steps: [releasedOf(1, 'row')] });
    await tasks.close(1, outcomeOf(taskId, 'done'));
    const ofTask = [keys.task(taskId), keys.turns(taskId), keys.effects(taskId)];
    expect(await redis.exists(...ofTask, keys.ledger(taskId), keys.released(taskId))).toBe(0);
  });

  test('may end without ever having started', async () => {
    const { tasks, batches, batchId, taskIds } = await openRecords();
    await tasks.close(0, outcomeOf(taskIds[1] ?? '', 'silent'));
    expect(await batches.outcomes(batchId, 0, 3)).toMatchObject([null, { task_id: taskIds[1] }, null]);
  });
});

describe('checkpoints', () => {
  test('are stored in order, each turn once', async () => {
    const { tasks, taskId } = await opened();
    await expect(tasks.checkpoint(taskId, 1, checkpointOf(2))).rejects.toThrow('the next turn to record is 1');
    await tasks.checkpoint(taskId, 1, checkpointOf(1));
    await tasks.checkpoint(taskId, 1, checkpointOf(2));
    await expect(tasks.checkpoint(taskId, 1, checkpointOf(2, 'another'))).rejects.toEqual(superseded);
    await expect(tasks.checkpoint(taskId, 1, checkpointOf(1))).rejects.toEqual(superseded);
    expect((await tasks.history(taskId)).checkpoints).toEqual([checkpointOf(1), checkpointOf(2)]);
  });

  test('are accepted when sent again, as a client does that got no reply', async () => {
    const { tasks, taskId } = await opened();
    expect(await tasks.checkpoint(taskId, 1, checkpointOf(1))).toBeNull();
    expect(await tasks.checkpoint(taskId, 1, checkpointOf(1))).toBeNull();
    expect((await tasks.history(taskId)).checkpoints).toEqual([checkpointOf(1)]);
  });

  test('are stored for a cancelled task too, and return the flag', async () => {
    const { tasks, taskId, batches, batchId } = await opened();
    await batches.cancel(batchId, 'enough');
    expect(await tasks.checkpoint(taskId, 1, checkpointOf(1))).toMatchObject({ reason: 'enough' });
    expect((await tasks.history(taskId)).checkpoints).toHaveLength(1);
  });
});

describe('the ledger', () => {
  test('writes a row once and closes it once: the first closing stays', async () => {
    const { tasks, taskId, redis, keys, countOpenRows } = await opened();
    await tasks.hold(taskId, 1, [intentOf(1, 'a'), intentOf(1, 'b')]);
    await tasks.hold(taskId, 1, [intentOf(1, 'a')]);
    expect(await countOpenRows()).toBe(2);
    await tasks.release(taskId, { owner: 'w', steps: [releasedOf(1, 'a', 'first'), releasedOf(1, 'never held')] });
    await tasks.release(taskId, { owner: 'w', steps: [releasedOf(1, 'a', 'second')] });
    const rows = await redis.hgetall(keys.ledger(taskId));
    expect(Object.keys(rows)).toEqual(['b']);
    expect(JSON.parse(rows.b ?? '')).toMatchObject({ status: 'intent' });
    const closed = await redis.lrange(keys.released(taskId), 0, -1);
    expect(closed.map((text) => JSON.parse(text))).toMatchObject([{ row: 'a', status: 'released', detail: 'first' }]);
    expect(await countOpenRows()).toBe(1);
  });

  test('is closed in the write that ends an attempt, by the fenced-off owner too', async () => {
    const { tasks, taskId, batches, batchId, redis, keys, countOpenRows } = await opened();
    const given = (epoch: number, row: string) => ({ owner: 'w', steps: [releasedOf(epoch, row)] });
    await tasks.hold(taskId, 1, [intentOf(1, '1.a'), intentOf(1, '1.late')]);
    await tasks.endAttempt(taskId, attemptOf(1, 'failed'), null, given(1, '1.a'));
    expect(await redis.hkeys(keys.ledger(taskId))).toEqual(['1.late']);
    await tasks.open(taskId, 'openai', 'w');
    await tasks.hold(taskId, 2, [intentOf(2, '2.a'), intentOf(2, '2.b')]);
    await expect(tasks.endAttempt(taskId, attemptOf(1, 'failed'), null, given(1, '1.late'))).rejects.toThrow('epoch');
    expect((await redis.hkeys(keys.ledger(taskId))).sort()).toEqual(['2.a', '2.b']);
    await tasks.close(2, outcomeOf(taskId, 'done'), given(2, '2.a'));
    await expect(tasks.close(1, outcomeOf(taskId, 'stale'), given(2, '2.b'))).resolves.toMatchObject({
      status: 'ended',
    });
    expect(await redis.exists(keys.ledger(taskId), keys.released(taskId))).toBe(0);
    expect(await countOpenRows()).toBe(0);
    const [outcome] = await batches.outcomes(batchId, 0, 1);
    expect(outcome?.cleanup.steps.map(({ row }) => row)).toEqual(['1.a', '1.late', '2.b']);
  });

  test('adds the rows that were closed while the outcome was made', async () => {
    const { tasks, taskId, batches, batchId } = await opened();
    await tasks.hold(taskId, 1, [intentOf(1, '1.early'), intentOf(1, '1.late')]);
    await tasks.release(taskId, { owner: 'w', steps: [releasedOf(1, '1.early')] });
    const heir = await tasks.open(taskId, 'openai', 'w2');
    expect(heir).toMatchObject({ closedRows: 1 });
    await tasks.release(taskId, { owner: 'w', steps: [releasedOf(1, '1.late', 'by the zombie')] });
    await tasks.close(2, outcomeOf(taskId, 'done'), undefined, 1);
    const [outcome] = await batches.outcomes(batchId, 0, 1);
    expect(outcome?.cleanup.steps.map(({ row, detail }) => [row, detail])).toEqual([['1.late', 'by the zombie']]);
  });

  test('shows the rows of an ended attempt that were closed since, and by whom first', async () => {
    const { tasks, taskId } = await opened();
    await tasks.hold(taskId, 1, [intentOf(1, '1.a'), intentOf(1, '1.b')]);
    await tasks.release(taskId, { owner: 'w', steps: [releasedOf(1, '1.a', 'by another')] });
    const own = [releasedOf(1, '1.a', 'by itself'), { ...releasedOf(1, '1.b', 'busy'), status: 'open' as const }];
    await tasks.endAttempt(taskId, { ...attemptOf(1, 'failed'), cleanup: cleanupOf(own) }, null, {
      owner: 'w',
      steps: own,
    });
    const cleanup = async () => {
      const [attempt] = (await tasks.history(taskId)).past;
      return attempt?.cleanup?.steps.map(({ row, status, detail }) => [row, status, detail]);
    };
    expect(await cleanup()).toEqual([
      ['1.b', 'open', 'busy'],
      ['1.a', 'released', 'by another'],
    ]);
    await tasks.release(taskId, { owner: 'w', steps: [releasedOf(1, '1.b', 'later')] });
    expect(await cleanup()).toEqual([
      ['1.b', 'released', 'later'],
      ['1.a', 'released', 'by another'],
    ]);
  });

  test('drops from the index of one worker what another made its own', async () => {
    const { tasks, taskId, workers, countOpenRows } = await opened();
    const row = intentOf(1, '1.response.r');
    await tasks.hold(taskId, 1, [row]);
    await tasks.hold(taskId, 1, [{ ...row, entry: { ...row.entry, owner: 'heir' } }]);
    await tasks.close(1, outcomeOf(taskId, 'done'), { owner: 'heir', steps: [releasedOf(1, '1.response.r')] });
    expect(await countOpenRows()).toBe(1);
    expect(await workers.openRowsOf('w', 10)).toEqual([]);
    expect(await countOpenRows()).toBe(0);
  });

  test('outlives the task while a row of a lost attempt is open; its close amends it', async () => {
    const { tasks, taskId, batches, batchId, redis, keys, countOpenRows } = await opened();
    await tasks.hold(taskId, 1, [intentOf(1, '1.lost'), intentOf(1, '1.found')]);
    await tasks.open(taskId, 'openai', 'w2');
    await tasks.close(2, outcomeOf(taskId, 'done'));
    expect((await redis.hkeys(keys.ledger(taskId))).sort()).toEqual(['1.found', '1.lost']);
    await tasks.release(taskId, { owner: 'w', steps: [releasedOf(1, '1.found')] });
    await tasks.release(taskId, { owner: 'w', steps: [releasedOf(1, '1.lost', 'later')] });
    await tasks.release(taskId, { owner: 'w', steps: [releasedOf(1, '1.lost', 'again')] });
    expect(await redis.exists(keys.ledger(taskId), keys.released(taskId))).toBe(0);
    expect(await countOpenRows()).toBe(0);
    const [outcome] = await batches.outcomes(batchId, 0, 1);
    expect(outcome?.cleanup.steps.map(({ row, detail }) => [row, detail])).toEqual([
      ['1.found', 'gone'],
      ['1.lost', 'later'],
    ]);
  });

  test('closed rows of a lost attempt are its cleanup; the next opener gets open rows', async () => {
    const { tasks, taskId } = await opened();
    await tasks.hold(taskId, 1, [intentOf(1, '1.a'), intentOf(1, '1.b')]);
    await tasks.release(taskId, { owner: 'w', steps: [releasedOf(1, '1.a')] });
    expect(await tasks.open(taskId, 'openai', 'w2')).toMatchObject({
      status: 'opened',
      past: [{ epoch: 1, ended: 'lost', turns_before: 0, cleanup: { steps: [{ row: '1.a' }] } }],
      openRows: [{ taskId, id: '1.b', entry: { owner: 'w' } }],
    });
  });

  test('returns to a holder that its task is cancelled', async () => {
    const { tasks, taskId, batches, countOpenRows } = await opened();
    expect(await tasks.hold(taskId, 1, [intentOf(1, 'a')])).toBeNull();
    await batches.cancel(taskId, 'enough');
    expect(await tasks.hold(taskId, 1, [intentOf(1, 'b')])).toMatchObject({ reason: 'enough' });
    expect(await countOpenRows()).toBe(2);
  });
});

describe('max_concurrent', () => {
  test('parks tasks above the limit and wakes one per free place, lowest index first', async () => {
    const { tasks, taskIds } = await openRecords({ total: 5, maxConcurrent: 2 });
    const [a = '', b = '', c = '', d = '', e = ''] = taskIds;
    const open = async (taskId: string) => (await tasks.open(taskId, 'openai', 'w')).status;
    expect([await open(a), await open(b), await open(e), await open(d), await open(c)]).toEqual([
      'opened',
      'opened',
      'parked',
      'parked',
      'parked',
    ]);
    expect(await tasks.open(e, 'openai', 'w')).toEqual({ status: 'parked', waiting: 3 });
    expect(await tasks.endAttempt(a, attemptOf(1, 'deferred'), 'openai')).toEqual({
      flag: null,
      wake: [{ taskId: c, provider: 'openai' }],
    });
    expect(await open(c)).toBe('opened');
    expect(await open(a)).toBe('parked');
    expect(await tasks.close(1, outcomeOf(b, 'done'))).toMatchObject({
      status: 'recorded',
      wake: [{ taskId: a, provider: 'openai' }],
    });
    expect(await tasks.close(1, outcomeOf(c, 'done'))).toMatchObject({
      status: 'recorded',
      wake: [a, d].map((taskId) => ({ taskId, provider: 'openai' })),
    });
  });

  test('keeps the place of a task that comes back at once, until it ends', async () => {
    const { tasks, taskIds, batches, batchId } = await openRecords({ maxConcurrent: 1 });
    const [a = '', b = ''] = taskIds;
    await tasks.open(a, 'openai', 'w1');
    expect(await tasks.open(b, 'openai', 'w1')).toMatchObject({ status: 'parked' });
    expect(await tasks.endAttempt(a, attemptOf(1, 'handed_back'))).toEqual({ flag: null, wake: [] });
    expect(await tasks.open(b, 'openai', 'w1')).toMatchObject({ status: 'parked' });
    await batches.cancel(a, 'enough');
    expect(await tasks.open(a, 'openai', 'w2')).toMatchObject({ status: 'cancelled', epoch: 1 });
    expect(await tasks.close(1, outcomeOf(a, 'cancelled'))).toMatchObject({
      wake: [{ taskId: b, provider: 'openai' }],
    });
    expect(await batches.status(batchId)).toMatchObject({ running: 0 });
  });

  test('that is not set counts no task that was handed back as running', async () => {
    const { tasks, taskId, batches, batchId } = await opened();
    expect(await tasks.endAttempt(taskId, attemptOf(1, 'handed_back'))).toEqual({ flag: null, wake: [] });
    expect(await batches.status(batchId)).toMatchObject({ running: 0 });
  });

  test('gives the place of a lost attempt to the same task again, and never a second one', async () => {
    const { tasks, taskIds, batches, batchId } = await openRecords({ maxConcurrent: 1 });
    const [a = '', b = ''] = taskIds;
    await tasks.open(a, 'openai', 'w1');
    expect(await tasks.open(a, 'openai', 'w2')).toMatchObject({ status: 'opened', epoch: 2 });
    expect(await tasks.open(b, 'openai', 'w1')).toMatchObject({ status: 'parked' });
    expect(await batches.status(batchId)).toMatchObject({ running: 1 });
  });

  test('forgets a parked task that is cancelled', async () => {
    const { tasks, taskIds, batches } = await openRecords({ maxConcurrent: 1 });
    const [a = '', b = ''] = taskIds;
    await tasks.open(a, 'openai', 'w');
    await tasks.open(b, 'openai', 'w');
    await batches.cancel(b, 'enough');
    expect((await tasks.open(b, 'openai', 'w')).status).toBe('cancelled');
    await tasks.close(0, outcomeOf(b, 'cancelled'));
    expect(await tasks.close(1, outcomeOf(a, 'done'))).toMatchObject({ status: 'recorded', wake: [] });
  });
});

test('a ledger row is stored as its entry, and is read with its task and its id', async () => {
  const { tasks, taskId, redis, keys, workers } = await opened();
  const row = { taskId, ...intentOf(1, '1.workspace./tmp/w') };
  await tasks.hold(taskId, 1, [row]);
  expect(await redis.hgetall(keys.ledger(taskId))).toEqual({
    '1.workspace./tmp/w':
      '{"status":"intent","kind":"workspace","ref":"/tmp/w","epoch":1,"owner":"w","intent_at":"2026-01-01T00:00:00.000Z"}',
  });
  expect((await tasks.history(taskId)).openRows).toEqual([row]);
  expect(await workers.openRowsOf('w', 10)).toEqual([{ status: 'readable', intentMs: expect.any(Number), ...row }]);
});

test('an unreadable ledger row hides neither the other rows nor the turns', async () => {
  const { tasks, taskId, redis, keys } = await opened();
  await tasks.hold(taskId, 1, [intentOf(1, '1.a')]);
  await redis.hset(keys.ledger(taskId), '1.b', '{"kind":"of a newer version"}');
  await tasks.checkpoint(taskId, 1, checkpointOf(1));
  expect(await tasks.open(taskId, 'openai', 'w2')).toMatchObject({
    status: 'opened',
    openRows: [{ id: '1.a' }],
    checkpoints: [{ turn: 1 }],
  });
});

describe('a task that is put off', () => {
  test('again and again keeps one record of that, with what was closed last', async () => {
    const { tasks, taskId, redis, keys } = await opened();
    const defer = async (epoch: number, joined: Pick<Attempt, 'times' | 'first_started_at'> = {}) => {
      await tasks.hold(taskId, epoch, [intentOf(epoch, `${epoch}.client`)]);
      const given = { owner: 'w', steps: [releasedOf(epoch, `${epoch}.client`)] };
      return tasks.endAttempt(taskId, { ...attemptOf(epoch, 'deferred'), ...joined }, 'openai', given);
    };
    await defer(1);
    await tasks.open(taskId, 'openai', 'w2');
    await defer(2, { times: 2, first_started_at: attemptOf(1, 'deferred').started_at });
    expect(await tasks.open(taskId, 'openai', 'w3')).toMatchObject({
      epoch: 3,
      closedRows: 1,
      past: [{ epoch: 2, times: 2, cleanup: { steps: [{ row: '2.client' }] } }],
    });
    expect(await redis.llen(keys.released(taskId))).toBe(1);
    await tasks.open(taskId, 'openai', 'w4');
    await expect(defer(3, { times: 3 })).rejects.toEqual(superseded);
    expect((await tasks.history(taskId)).past.map(({ epoch, ended }) => [epoch, ended])).toEqual([
      [2, 'deferred'],
      [3, 'lost'],
      [4, 'lost'],
    ]);
  });

  test('is found by a cancel that comes later, until it opens again', async () => {
    const { tasks, batches, taskId, batchId } = await opened();
    expect(await tasks.endAttempt(taskId, attemptOf(1, 'deferred'), 'openai')).toEqual({ flag: null, wake: [] });
    for (const id of [taskId, batchId]) expect(await batches.sleepers(id)).toEqual([{ taskId, provider: 'openai' }]);
    await tasks.open(taskId, 'openai', 'w2');
    expect(await batches.sleepers(batchId)).toEqual([]);
  });

  test.each(['task', 'batch'])(
    'does not rest if its %s is cancelled meanwhile, and its worker learns it',
    async (what) => {
      const { tasks, batches, taskId, batchId } = await opened();
      await batches.cancel(what === 'task' ? taskId : batchId, 'enough');
      expect(await tasks.endAttempt(taskId, attemptOf(1, 'deferred'), 'openai')).toMatchObject({
        flag: { reason: 'enough' },
        wake: [],
      });
      expect(await batches.sleepers(batchId)).toEqual([]);
      expect(await tasks.open(taskId, 'openai', 'w2')).toMatchObject({
        status: 'cancelled',
        past: [{ ended: 'deferred' }],
      });
    },
  );
});

test('cancelFlags answers in the order asked, the flag of the batch included', async () => {
  const { tasks, batches, taskIds } = await openRecords();
  const other = await openRecords();
  await batches.cancel(taskIds[1] ?? '', 'this one');
  expect(await tasks.cancelFlags(taskIds)).toMatchObject([null, { reason: 'this one' }, null]);
  await batches.cancel(taskIds[0]?.split('-')[0] ?? '', 'all');
  expect((await tasks.cancelFlags(taskIds)).map((flag) => flag?.reason)).toEqual(['all', 'all', 'all']);
  expect(await other.tasks.cancelFlags(other.taskIds.slice(0, 1))).toEqual([null]);
});

test('no watched secret is written, wherever it came from', async () => {
  const { tasks, batches, redactor, prefix, taskId, batchId } = await opened();
  const secret = new Secret('sk-planted-"quoted"-9');
  redactor.watch(secret);
  const text = `before ${secret.reveal()} after`;
  await tasks.checkpoint(taskId, 1, checkpointOf(1, text));
  await tasks.hold(taskId, 1, [intentOf(1, 'row')]);
  await tasks.release(taskId, { owner: 'w', steps: [releasedOf(1, 'row', text)] });
  await batches.cancel(taskId, text);
  expect(await expectNoSecret(secret, { prefix })).toBeGreaterThan(3);
  await tasks.close(1, outcomeOf(taskId, text));
  await batches.settle(summaryOf(batchId, text));
  // The batch, its outcomes, and of the worker who it is and its sign of life.
  expect(await expectNoSecret(secret, { prefix })).toBe(4);
  expect(await batches.outcomes(batchId, 0, 1)).toMatchObject([{ answer: { text: 'before [secret] after' } }]);
});
