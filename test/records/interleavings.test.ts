import fc from 'fast-check';
import { expect, test } from 'vitest';
import { taskIdOf } from '../../src/base/ids.ts';
import { isErrandError } from '../../src/errors.ts';
import type { ReleasedRows } from '../../src/records/closing.ts';
import { UnattendedRecords } from '../../src/records/unattended-records.ts';
import { freshPrefix, openRedis, openResendingRedis } from '../helpers/redis.ts';
import { attemptOf, checkpointOf, intentOf, openRecords, outcomeOf, releasedOf } from './samples.ts';

const TASKS = 2;
const OWNERS = 2;

/** What the records of one task should come to. */
type TaskModel = {
  epoch: number;
  /** How each attempt ended, by its epoch; one that has not said is taken for lost. */
  ends: string[];
  outcome: string | null;
  turns: string[];
  open: Set<string>;
  cancel: string | null;
};

/** The whole of what is expected: the tasks, who runs, and the epoch that each owner believes in. */
type Model = {
  tasks: TaskModel[];
  running: Set<number>;
  parked: Set<number>;
  resting: Set<number>;
  beliefs: number[][];
  batchCancel: string | null;
  /** Its producer may still be adding tasks, so no task may start. */
  isHeld: boolean;
};

type Real = Awaited<ReturnType<typeof openRecords>> & { unattended: UnattendedRecords };

/** One move of one owner: foretells what it comes to, makes it, and compares. */
type Move = (model: Model, real: Real) => Promise<void>;

const owner = fc.nat(OWNERS - 1);
const index = fc.nat(TASKS - 1);
const tag = fc.constantFrom('a', 'b', 'c');

function at<T>(items: T[], position: number): T {
  const item = items[position];
  return item === undefined ? expect.fail(`nothing at ${position}`) : item;
}

function flagOf(model: Model, task: TaskModel): string | null {
  return model.batchCancel ?? task.cancel;
}

/** What a fenced write should come to; where it is refused, the model stays as it is. */
async function fenced<T>(task: TaskModel, epoch: number, write: Promise<T>): Promise<{ written: T } | null> {
  const isAllowed = task.outcome === null && task.epoch === epoch;
  try {
    const written = await write;
    expect(isAllowed).toBe(true);
    return { written };
  } catch (error) {
    if (!isErrandError(error, 'ATTEMPT_SUPERSEDED')) throw error;
    expect(isAllowed).toBe(false);
    return null;
  }
}

/** One row of an attempt, as given back; no fence keeps the row open. */
function givenBack(task: TaskModel, epoch: number, row: string): ReleasedRows {
  task.open.delete(`${epoch}.${row}`);
  return { owner: 'w', steps: [releasedOf(epoch || 1, `${epoch}.${row}`)] };
}

/** Takes a task off the running and names who may come in its place, with one place in all. */
function leave(model: Model, position: number): string[] {
  model.running.delete(position);
  if (model.running.size > 0 || model.batchCancel !== null) return [];
  return [...model.parked].sort().slice(0, 1).map(String);
}

function indexesOf(wakes: { taskId: string }[]): string[] {
  return wakes.map(({ taskId }) => taskId.split('-')[1] ?? '');
}

const moves: fc.Arbitrary<[string, Move]>[] = [
  fc.tuple(owner, index).map(([who, position]) => [
    `owner ${who} opens ${position}`,
    async (model, real) => {
      const task = at(model.tasks, position);
      const opening = await real.tasks.open(at(real.taskIds, position), 'p', `w${who}`);
      model.resting.delete(position);
      if (task.outcome !== null) {
        expect(opening).toMatchObject({ status: 'ended', outcome: { answer: { text: task.outcome } } });
        model.parked.delete(position);
      } else if (flagOf(model, task) !== null) {
        expect(opening).toMatchObject({
          status: 'cancelled',
          epoch: task.epoch,
          flag: { reason: flagOf(model, task) },
        });
        model.parked.delete(position);
        at(model.beliefs, who)[position] = task.epoch;
      } else if (model.isHeld) {
        expect(opening).toEqual({ status: 'held' });
      } else if (!model.running.has(position) && model.running.size > 0) {
        expect(opening.status).toBe('parked');
        model.parked.add(position);
      } else {
        model.running.add(position);
        model.parked.delete(position);
        task.epoch++;
        at(model.beliefs, who)[position] = task.epoch;
        expect(opening).toMatchObject({ status: 'opened', epoch: task.epoch });
        expect(opening.status === 'opened' && opening.checkpoints.map(({ reply }) => reply.text)).toEqual(task.turns);
      }
    },
  ]),
  fc.tuple(owner, index, tag).map(([who, position, row]) => [
    `owner ${who} holds ${row} for ${position}`,
    async (model, real) => {
      const [task, epoch] = [at(model.tasks, position), at(at(model.beliefs, who), position)];
      const id = `${epoch}.${row}`;
      const held = await fenced(
        task,
        epoch,
        real.tasks.hold(at(real.taskIds, position), epoch, [intentOf(epoch || 1, id)]),
      );
      if (!held) return;
      task.open.add(id);
      expect(held.written?.reason ?? null).toBe(flagOf(model, task));
    },
  ]),
  fc.tuple(owner, index, tag).map(([who, position, row]) => [
    `owner ${who} releases ${row} of ${position}`,
    async (model, real) => {
      const epoch = at(at(model.beliefs, who), position);
      await real.tasks.release(at(real.taskIds, position), givenBack(at(model.tasks, position), epoch, row));
    },
  ]),
  fc.tuple(owner, index, tag, fc.integer({ min: -1, max: 1 })).map(([who, position, text, offset]) => [
    `owner ${who} records ${text} as the next turn ${offset} of ${position}`,
    async (model, real) => {
      const [task, epoch] = [at(model.tasks, position), at(at(model.beliefs, who), position)];
      const turn = Math.max(1, task.turns.length + 1 + offset);
      const isRepeated = turn === task.turns.length && task.turns.at(-1) === text;
      const isNext = turn === task.turns.length + 1;
      const seen = isNext || isRepeated ? task : { ...task, epoch: -1 };
      const stored = await fenced(
        seen,
        epoch,
        real.tasks.checkpoint(at(real.taskIds, position), epoch, checkpointOf(turn, text)),
      );
      if (!stored) return;
      if (isNext) task.turns.push(text);
      expect(stored.written?.reason ?? null).toBe(flagOf(model, task));
    },
  ]),
  fc
    .tuple(owner, index, fc.constantFrom('failed', 'deferred', 'handed_back', 'succeeded'), tag)
    .map(([who, position, ended, row]) => [
      `owner ${who} ends its attempt of ${position} as ${ended}, giving ${row} back`,
      async (model, real) => {
        const [task, epoch] = [at(model.tasks, position), at(at(model.beliefs, who), position)];
        if (epoch === 0) return;
        const given = givenBack(task, epoch, row);
        const restsWith = ended === 'failed' || ended === 'deferred' ? 'p' : null;
        if (task.outcome === null) task.ends[epoch] ??= ended; // also of a superseded attempt
        const done = await fenced(
          task,
          epoch,
          real.tasks.endAttempt(at(real.taskIds, position), attemptOf(epoch, ended), restsWith, given),
        );
        if (!done) return;
        const isResting = restsWith !== null && flagOf(model, task) === null;
        if (isResting) model.resting.add(position);
        expect(done.written.flag?.reason ?? null).toBe(flagOf(model, task));
        expect(indexesOf(done.written.wake)).toEqual(isResting ? leave(model, position) : []);
      },
    ]),
  fc.tuple(owner, index, tag, tag).map(([who, position, answer, row]) => [
    `owner ${who} closes ${position} with ${answer}, giving ${row} back`,
    async (model, real) => {
      const [task, epoch] = [at(model.tasks, position), at(at(model.beliefs, who), position)];
      const first = task.outcome;
      const closing = real.tasks.close(
        epoch,
        outcomeOf(at(real.taskIds, position), answer),
        givenBack(task, epoch, row),
      );
      if (first !== null) {
        const { outcome, wake } = await closing;
        expect(outcome).toMatchObject({ answer: { text: first } });
        expect(indexesOf(wake)).toEqual(leave(model, position));
        return;
      }
      const closed = await fenced(task, epoch, closing);
      if (!closed) return;
      task.outcome = answer;
      expect(closed.written.status).toBe('recorded');
      expect(indexesOf(closed.written.wake)).toEqual(leave(model, position));
    },
  ]),
  fc.tuple(index, tag).map(([position, answer]) => [
    `a sweep closes ${position} with ${answer}`,
    async (model, real) => {
      const [task, taskId] = [at(model.tasks, position), at(real.taskIds, position)];
      await real.unattended.dropSleeper(real.batchId, `${taskId}@p`);
      model.parked.delete(position);
      model.resting.delete(position);
      const { epoch } = await real.tasks.history(taskId);
      const closing = await real.tasks.close(epoch, outcomeOf(taskId, answer));
      if (task.outcome === null) expect(closing.status).toBe('recorded');
      task.outcome ??= answer;
      expect(closing.outcome).toMatchObject({ answer: { text: task.outcome } });
      expect(indexesOf(closing.wake)).toEqual(leave(model, position));
    },
  ]),
  fc.boolean().map((isSealed) => [
    isSealed ? 'the producer seals the batch' : 'a worker finds the gate open',
    async (model, real) => {
      if (isSealed) await real.batches.seal(real.batchId);
      else await real.unattended.openGate(real.batchId);
      model.isHeld = false;
    },
  ]),
  fc.tuple(fc.option(index), tag).map(([position, reason]) => [
    `someone cancels ${position ?? 'the batch'} because of ${reason}`,
    async (model, real) => {
      if (position === null) {
        model.batchCancel ??= reason;
        expect(await real.batches.cancel(real.batchId, reason)).toMatchObject({ flag: { reason: model.batchCancel } });
        return;
      }
      const task = at(model.tasks, position);
      const cancelling = await real.batches.cancel(taskIdOf(real.batchId, position), reason);
      if (task.outcome !== null) expect(cancelling.status).toBe('ended');
      else {
        task.cancel ??= reason;
        expect(cancelling).toMatchObject({ flag: { reason: task.cancel } });
      }
    },
  ]),
];

/** What must hold between any two moves: the records are as the model says, and every open row is in its ledger. */
async function compare(model: Model, { tasks, batches, batchId, redis, keys, taskIds }: Real): Promise<void> {
  const outcomes = await batches.outcomes(batchId, 0, TASKS);
  expect(outcomes.map((outcome) => (outcome?.status === 'succeeded' ? outcome.answer.text : null))).toEqual(
    model.tasks.map((task) => task.outcome),
  );
  const open = model.tasks.flatMap((task, position) => [...task.open].map((row) => `${taskIds[position]}/${row}`));
  expect((await redis.zrange(keys.openRows('w'), '0', '-1')).sort()).toEqual(open.sort());
  for (const [position, task] of model.tasks.entries()) {
    const rows = await redis.hkeys(keys.ledger(at(taskIds, position)));
    expect(rows).toEqual(expect.arrayContaining([...task.open]));
    if (task.outcome !== null) continue;
    const { epoch, checkpoints, past } = await tasks.history(at(taskIds, position));
    expect([epoch, checkpoints.length]).toEqual([task.epoch, task.turns.length]);
    const ends = Array.from({ length: task.epoch }, (_, before) => task.ends[before + 1] ?? 'lost');
    expect(past.map(({ ended }) => ended)).toEqual(ends);
  }
  const sleepers = (await batches.sleepers(batchId)).map(({ taskId }) => taskIds.indexOf(taskId));
  expect(sleepers.sort()).toEqual([...model.parked, ...model.resting].sort());
  const ended = model.tasks.filter((task) => task.outcome !== null).length;
  expect(await batches.status(batchId)).toMatchObject({ ended, running: model.running.size });
}

const scripts = fc.array(fc.oneof(...moves), { minLength: 5, maxLength: 40, size: 'max' });

test.each([
  ['do by turns', openRedis],
  ['do by turns and send twice', openResendingRedis],
])('whatever two owners %s, the records match a model: one outcome, no stale write', async (_, open) => {
  const prefix = freshPrefix();
  const redis = open();
  let run = 0;
  await fc.assert(
    fc.asyncProperty(scripts, fc.boolean(), async (script, isHeld) => {
      const records = await openRecords({ total: TASKS, maxConcurrent: 1, prefix: `${prefix}${run++}`, redis });
      const real = { ...records, unattended: new UnattendedRecords(redis, records.prefix) };
      if (isHeld) await redis.hset(real.keys.batch(real.batchId), { status: 'enqueueing', total: '5000' });
      const model: Model = {
        tasks: Array.from({ length: TASKS }, () => ({
          epoch: 0,
          ends: [],
          outcome: null,
          turns: [],
          open: new Set(),
          cancel: null,
        })),
        running: new Set(),
        parked: new Set(),
        resting: new Set(),
        beliefs: Array.from({ length: OWNERS }, () => new Array<number>(TASKS).fill(0)),
        batchCancel: null,
        isHeld,
      };
      for (const [, move] of script) {
        await move(model, real);
        await compare(model, real);
      }
    }),
    { numRuns: 60 },
  );
});
