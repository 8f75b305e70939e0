import { beforeEach, describe, expect, test } from 'vitest';
import { Progress } from '../../../src/app/screen/progress.ts';
import { ErrandEvent } from '../../../src/contract/events.ts';

let progress: Progress;
beforeEach(() => {
  progress = new Progress(2, ['Say hi']);
});

function hear(event: ErrandEvent['event'], fields: object): string | null {
  const at = '2026-11-22T10:00:00.000Z';
  const parsed = ErrandEvent.parse({ version: 1, batch_id: 'b', task_id: 'b-0', index: 0, at, event, ...fields });
  return parsed.event === 'batch_settled' ? null : progress.hear(parsed);
}

describe('a progress', () => {
  test('tells ends, retries and deferrals, and nothing else', () => {
    expect([
      hear('attempt_started', { epoch: 1, worker: 'w' }),
      hear('turn_recorded', { epoch: 1, turn: 1 }),
      hear('attempt_ended', { epoch: 1, ended: 'deferred', code: 'PROVIDER_RATE_LIMITED' }),
      hear('attempt_ended', { epoch: 2, ended: 'failed', code: 'PROVIDER_FAILED' }),
      hear('task_ended', { status: 'failed', code: 'PROVIDER_FAILED' }),
    ]).toEqual([
      null,
      null,
      '#0 Say hi: attempt 1 deferred (PROVIDER_RATE_LIMITED)',
      '#0 Say hi: attempt 2 failed, will be retried (PROVIDER_FAILED)',
      '#0 Say hi: failed (PROVIDER_FAILED)',
    ]);
  });

  test('shows a goal on one line, without what a terminal would obey', () => {
    const hostile = new Progress(1, ['\u001b]0;mine\u0007Say\n\u009b31mhi']);
    expect(hostile.end(0, 'succeeded')).toBe('#0 ]0;mineSay 31mhi: succeeded');
  });

  test('knows what runs and what has ended', () => {
    hear('attempt_started', { index: 1, epoch: 2, worker: 'w' });
    hear('attempt_started', { epoch: 1, worker: 'w' });
    expect(progress.running).toEqual(['#0 Say hi: first turn', '#1: attempt 2']);
    hear('turn_recorded', { epoch: 1, turn: 3 });
    hear('task_ended', { index: 1, status: 'failed', code: 'BUDGET_TURNS' });
    expect(progress.running).toEqual(['#0 Say hi: turn 3 done']);
    expect([progress.ended, progress.notSucceeded]).toEqual([1, 1]);
  });

  test('counts a task once, whatever comes late or twice', () => {
    expect(progress.end(0, 'succeeded')).toBe('#0 Say hi: succeeded');
    expect(hear('task_ended', { status: 'succeeded' })).toBeNull();
    expect(hear('turn_recorded', { epoch: 1, turn: 1 })).toBeNull();
    expect([progress.ended, progress.running]).toEqual([1, []]);
  });
});
