import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import { newBatchId, taskIdOf } from '../../src/base/ids.ts';
import { Redactor } from '../../src/base/secret.ts';
import type { CleanupStep } from '../../src/contract/cleanup.ts';
import { ErrandError } from '../../src/errors.ts';
import { createLog } from '../../src/telemetry/log.ts';
import { LogObserver } from '../../src/telemetry/log-observer.ts';
import type { Step, StepEnd } from '../../src/telemetry/step.ts';

const LEVELS: Record<number, string> = { 20: 'debug', 30: 'info', 40: 'warn', 50: 'error' };

/** A log in memory, and the lines that the steps leave in it, without their time. */
function aLog() {
  const lines: object[] = [];
  const output = new PassThrough().on('data', (chunk) => {
    const { time: _, level, ...line } = JSON.parse(String(chunk));
    lines.push({ level: LEVELS[level], ...line });
  });
  const log = createLog({ level: 'debug', isPretty: false, redactor: new Redactor(), output });
  return { lines, observer: new LogObserver(log) };
}

const ROW = { row: '1.workspace', kind: 'workspace', actor: 'reclaim' } as const;
const CLEANED: CleanupStep = {
  ...ROW,
  ref: '/w/1',
  status: 'released',
  evidence: 'verified',
  detail: 'the directory is gone',
  duration_ms: 1,
  released_at: '2026-01-01T00:00:00.000Z',
};
const TASK = taskIdOf(newBatchId(), 0);
const RECLAIM: Step = { name: 'reclaim', taskId: TASK, ...ROW };
const said = { ...ROW, ref: '/w/1', evidence: 'verified', detail: 'the directory is gone' };
const DONE: StepEnd = { status: 'done' };
const ids = Array.from({ length: 30 }, (_, at) => `t${at}`);
const some = ids.slice(0, 20);
const denied = new ErrandError('REDIS_DENIED', 'no channels', { remedy: 'Grant them.' });

test.each<[Step, StepEnd, object]>([
  [
    RECLAIM,
    { status: 'released', step: CLEANED },
    { level: 'info', task_id: TASK, ...said, msg: 'released a resource of a dead attempt' },
  ],
  [
    { ...RECLAIM, taskId: 'hash of a worker' },
    { status: 'released', step: CLEANED },
    { level: 'info', ...said, msg: 'released a shared resource of a worker' },
  ],
  [
    RECLAIM,
    { status: 'left_open', step: { ...CLEANED, status: 'open', evidence: 'unknown' } },
    {
      level: 'warn',
      task_id: TASK,
      ...said,
      evidence: 'unknown',
      msg: 'could not release a resource of a dead attempt',
    },
  ],
  [
    { name: 'jobs_handed_back', jobIds: ids, instance: 'w.1', proof: 'its process has ended' },
    DONE,
    {
      ...{ level: 'info', job_ids: some, count: 30, instance: 'w.1', proof: 'its process has ended' },
      msg: 'returned the jobs of a dead worker to their queues',
    },
  ],
  [
    { name: 'tool_progress', taskId: 'a', epoch: 2, tool: 'dig', text: 'half way' },
    DONE,
    { level: 'debug', task_id: 'a', epoch: 2, tool: 'dig', progress: 'half way', msg: 'a tool reported its progress' },
  ],
  [
    { name: 'tool_denied', taskId: 'a', epoch: 2, tool: 'send' },
    DONE,
    { level: 'info', task_id: 'a', epoch: 2, tool: 'send', msg: 'the tool policy denied a call' },
  ],
  [
    { name: 'write_refused', taskId: 'a' },
    DONE,
    { level: 'warn', task_id: 'a', msg: 'a write was refused: a newer attempt owns the task' },
  ],
  [
    { name: 'move_refused', error: new Error('Missing lock') },
    DONE,
    { level: 'warn', message: 'Missing lock', msg: 'the queue refused to move a job: the worker had lost its lock' },
  ],
  [
    { name: 'locks_lost', taskIds: ids },
    DONE,
    { level: 'warn', task_ids: some, count: 30, msg: 'lost the locks of tasks; aborting their attempts' },
  ],
  [
    { name: 'unattended_ended', batchId: 'b', count: 2 },
    DONE,
    { level: 'info', batch_id: 'b', count: 2, msg: 'ended tasks that no worker runs' },
  ],
  [{ name: 'redis', state: { status: 'ok' } }, DONE, { level: 'info', redis: 'ok', msg: 'Redis is available again' }],
  [
    { name: 'redis', state: { status: 'away', reason: 'gone' } },
    DONE,
    { level: 'error', redis: 'away', reason: 'gone', msg: 'Redis is unavailable; waiting for it' },
  ],
  [{ name: 'channels', trouble: null }, DONE, { level: 'info', channels: 'ok', msg: 'cancel messages arrive again' }],
  [
    { name: 'channels', trouble: denied },
    DONE,
    {
      ...{ level: 'warn', channels: 'refused', code: 'REDIS_DENIED', reason: 'no channels', remedy: 'Grant them.' },
      msg: 'cancel messages do not arrive; checking for cancels every few seconds',
    },
  ],
  [
    { name: 'fault', where: 'queue', error: new Error('odd') },
    DONE,
    { level: 'error', where: 'queue', message: 'odd', msg: 'infrastructure fault' },
  ],
])('the step %j has its line', (step, end, line) => {
  const { lines, observer } = aLog();
  observer.begin(step)(end);
  expect(lines).toEqual([line]);
});

test.each<[Step, StepEnd]>([
  [RECLAIM, { status: 'failed', error: new Error('the row could not be closed') }],
  [{ name: 'settle', batchId: 'b' }, DONE],
  [{ name: 'text', taskId: 'a', epoch: 1 }, DONE],
  [{ name: 'tool', taskId: 'a', epoch: 1, tool: 'read_file' }, DONE],
])('the step %j leaves no line', (step, end) => {
  const { lines, observer } = aLog();
  observer.begin(step)(end);
  expect(lines).toEqual([]);
});

test('a fault that repeats has one line, another fault has its own', () => {
  const { lines, observer } = aLog();
  for (const message of ['odd', 'odd', 'odder', 'odd']) {
    observer.begin({ name: 'fault', where: 'queue', error: new Error(message) })(DONE);
  }
  expect(lines).toMatchObject([{ message: 'odd' }, { message: 'odder' }]);
});
