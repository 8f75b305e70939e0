import { expect, test } from 'vitest';
import { aDeployment } from '../helpers/deployment.ts';
import { MOMENTS, type MomentName } from '../helpers/moments.ts';
import { startWorkerProcess } from '../helpers/process.ts';

const GOAL =
  '[[sim: tool=write_file args={"path":"a.txt","content":"kept"}]] [[sim: text="done at last"]] Write it down.';

/** How often each turn is asked for in all, when a worker dies there: only the call in flight is made again. */
const ASKED: Record<MomentName, { 1: number; 2: number }> = {
  opened: { 1: 1, 2: 1 },
  intent: { 1: 1, 2: 1 },
  acquired: { 1: 1, 2: 1 },
  leased: { 1: 1, 2: 1 },
  built: { 1: 1, 2: 1 },
  mid_stream: { 1: 1, 2: 2 },
  turn_recorded: { 1: 1, 2: 1 },
  unwinding: { 1: 1, 2: 1 },
  releasing: { 1: 1, 2: 1 },
  unwound: { 1: 1, 2: 1 },
  closing: { 1: 1, 2: 1 },
  closed: { 1: 1, 2: 1 },
  telling_queue: { 1: 1, 2: 1 },
  told_queue: { 1: 1, 2: 1 },
};

const ALL_KINDS = ['client', 'credential_lease', 'workspace'];

/** What the first attempt had on the ledger by then; whoever goes on gives it back. */
const HELD: Record<MomentName, string[]> = {
  opened: [],
  intent: ['workspace'],
  acquired: ['workspace'],
  leased: ALL_KINDS,
  built: ALL_KINDS,
  mid_stream: ALL_KINDS,
  turn_recorded: ALL_KINDS,
  unwinding: ALL_KINDS,
  releasing: ALL_KINDS,
  unwound: ALL_KINDS,
  closing: ALL_KINDS,
  closed: ALL_KINDS,
  telling_queue: ALL_KINDS,
  told_queue: ALL_KINDS,
};

/** Steps after which the outcome is on record, so that nobody has to go on. */
const IS_OVER: MomentName[] = ['closed', 'telling_queue', 'told_queue'];

test.each(MOMENTS)('a worker that dies when an attempt is %s leaves nothing [B85] [B111] [B133]', async (moment) => {
  const deployment = await aDeployment();
  const { producer, simulator, startWorker, outcomesOf } = deployment;
  const dying = { fixture: 'dying-worker.ts', env: { ERRAND_DIE_AT: moment } };
  const doomed = await startWorkerProcess(deployment, { name: 'doomed' }, dying);
  const { batch_id } = await producer.enqueue({ goal: GOAL, provider: 'local', toolsets: ['workspace'] });
  await doomed.exited;
  expect(doomed.process.signalCode).toBe('SIGKILL');

  await startWorker({ name: 'heir' });
  expect((await producer.settled(batch_id)).counts.succeeded).toBe(1);
  const [outcome] = await outcomesOf(batch_id);
  expect(outcome).toMatchObject({ answer: { text: 'done at last', files: [{ path: 'a.txt', text: 'kept' }] } });
  const asked = (turn: number) => simulator.requests().filter((request) => request.turn === turn).length;
  expect({ 1: asked(1), 2: asked(2) }).toEqual(ASKED[moment]);

  const attempts = outcome?.attempts.map(({ worker, ended }) => [worker, ended]);
  if (IS_OVER.includes(moment)) expect(attempts).toEqual([['doomed', 'succeeded']]);
  else
    expect(attempts).toEqual([
      ['doomed', 'lost'],
      ['heir', 'succeeded'],
    ]);
  expect(outcome?.cleanup.open).toBe(0);
  const ofTheFirst = outcome?.cleanup.steps.filter(({ row }) => row.startsWith('1.')).map(({ kind }) => kind);
  expect(ofTheFirst?.sort()).toEqual(HELD[moment]);
  for (const step of outcome?.cleanup.steps ?? []) {
    const isOfTheDead = step.row.startsWith('1.') && !IS_OVER.includes(moment);
    expect(step).toMatchObject({
      status: 'released',
      evidence: expect.stringMatching(/verified|implied/),
      actor: isOfTheDead ? expect.stringMatching(/sweep|reclaim/) : 'owner',
      detail: isOfTheDead
        ? expect.stringMatching(/\(doomed\..*: its process \d+ on .* has ended\)$/)
        : expect.any(String),
    });
  }
});
