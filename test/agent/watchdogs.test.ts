import { expect, test } from 'vitest';
import { watchdogsFor } from '../../src/agent/watchdogs.ts';

test('a task may be stricter than its deployment, and never laxer', () => {
  const deployment = { tool_ms: 1_000, turns_without_progress: 5 };
  expect(watchdogsFor(deployment, { tool_seconds: 0.5, turns_without_progress: 2 })).toEqual({
    tool_ms: 500,
    turns_without_progress: 2,
  });
  expect(watchdogsFor(deployment, { tool_seconds: 60, turns_without_progress: 50 })).toEqual(deployment);
  expect(watchdogsFor(deployment)).toEqual(deployment);
});
