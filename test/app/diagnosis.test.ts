import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  clockFinding,
  laneFinding,
  nodeFinding,
  RELEASE_MS,
  redisFindings,
  workerFindings,
} from '../../src/app/diagnosis.ts';

const healthy = {
  version: '7.2.4',
  maxmemoryPolicy: 'noeviction',
  isAppendOnly: true,
  isDiskWell: true,
  isReplica: false,
  memory: { used: 79, max: 100, machine: 1000 },
};
const lane = { provider: 'openai', waiting: 0, delayed: 0, active: 0, isPaused: false, workers: 1 };

function memory(used: number, max: number) {
  return { used, max, machine: 1_000 };
}

test.each([
  [3, 'ok'],
  [5_000, 'warning'],
  [-5_000, 'warning'],
])('a clock that differs by %i ms is %s', (skewMs, status) => {
  expect(clockFinding(skewMs)).toMatchObject({ check: 'clock', status });
});

test('a healthy Redis has nothing to mend', () => {
  expect(redisFindings(healthy).map(({ status, remedy }) => [status, remedy])).toEqual(
    Array(6).fill(['ok', undefined]),
  );
});

describe('finds', () => {
  test.each([
    ['a Redis that is too old', { version: '6.2.14' }, 'redis version', 'fault'],
    ['a Redis that evicts', { maxmemoryPolicy: 'allkeys-lru' }, 'redis eviction', 'fault'],
    ['a Redis without an append-only file', { isAppendOnly: false }, 'redis durability', 'warning'],
    ['a replica', { isReplica: true }, 'redis role', 'fault'],
    ['a Redis that cannot write to its disk', { isDiskWell: false }, 'redis disk', 'fault'],
    ['a Redis that uses 80 % of its maxmemory', { memory: memory(80, 100) }, 'redis memory', 'warning'],
    ['a Redis whose memory is full', { memory: memory(100, 100) }, 'redis memory', 'fault'],
    ['a Redis that fills its machine', { memory: memory(800, 0) }, 'redis memory', 'warning'],
  ])('%s, and says how to mend it', (_title, facts, check, status) => {
    const others = redisFindings({ ...healthy, ...facts }).filter((finding) => finding.status !== 'ok');
    expect(others).toEqual([expect.objectContaining({ check, status, remedy: expect.stringContaining(' ') })]);
  });

  test('nothing where Redis does not tell', () => {
    const silent = {
      version: null,
      maxmemoryPolicy: null,
      isAppendOnly: null,
      isDiskWell: null,
      isReplica: null,
      memory: null,
    };
    expect(redisFindings(silent).map(({ status }) => status)).toEqual(Array(6).fill('unknown'));
  });
});

test.each([
  ['20.19.0', 'fault'],
  ['22.18.9', 'fault'],
  ['22.19.0', 'ok'],
  ['24.1.0', 'ok'],
])('Node %s is %s', (version, status) => {
  expect(nodeFinding(version).status).toBe(status);
});

test.each([
  ['tasks and no worker', { waiting: 2, workers: 0 }, 'fault'],
  ['delayed tasks and no worker', { delayed: 2, workers: 0 }, 'fault'],
  ['running tasks and no worker', { active: 2, workers: 0 }, 'fault'],
  ['neither tasks nor a worker', { workers: 0 }, 'warning'],
  ['tasks and a worker', { waiting: 2 }, 'ok'],
  ['a pause', { isPaused: true }, 'warning'],
  ['a Redis that does not tell its clients', { waiting: 2, workers: null }, 'unknown'],
])('a lane with %s is %s', (_title, facts, status) => {
  expect(laneFinding({ ...lane, ...facts }).status).toBe(status);
});

test.each([0, 2])('a paused lane without a worker and with %d tasks: both are named', (waiting) => {
  const { message, remedy } = laneFinding({ ...lane, waiting, workers: 0, isPaused: true });
  expect(message).toMatch(/, paused$/);
  expect(remedy).toMatch(/errand worker\. Resume the lane in the board\.$/);
});

test.each([
  ['the defaults', {}, ['ok', 'ok']],
  ['a lock that a failover outlasts', { lock_duration_ms: 10_000 }, ['warning', 'ok']],
  ['a lock that makes the tasks of a dead worker wait', { lock_duration_ms: 3_600_000 }, ['warning', 'ok']],
  ['a drain that takes longer than a pod is given', { drain_grace_ms: 60_000 }, ['ok', 'warning']],
])('of %s the doctor says what to mend', (_title, over, statuses) => {
  const findings = workerFindings({ lock_duration_ms: 60_000, drain_grace_ms: 3_000, ...over });
  expect(findings.map(({ status }) => status)).toEqual(statuses);
  for (const { status, remedy } of findings) expect(remedy !== undefined).toBe(status === 'warning');
});

test('docs, compose file and manifest give a worker the stop time that doctor counts', () => {
  const read = (path: string) => readFileSync(join(import.meta.dirname, '../..', path), 'utf8');
  const neededS = (3_000 + RELEASE_MS) / 1000;
  for (const [file, pattern] of [
    ['docker-compose.yml', /stop_grace_period: (\d+)s/g],
    ['docs/how-to/deploy.md', /terminationGracePeriodSeconds: (\d+)/g],
    ['docs/start/run.md', /TimeoutStopSec=(\d+)/g],
  ] as const) {
    const given = [...read(file).matchAll(pattern)].map(([, seconds]) => Number(seconds));
    expect(given.length, file).toBeGreaterThan(0);
    expect(Math.min(...given), file).toBeGreaterThanOrEqual(neededS);
  }
  expect(read('docker-compose.yml')).toContain(`worker.drain_grace_ms and the ${RELEASE_MS / 1000} s that`);
  expect(read('docs/how-to/deploy.md')).toContain(`\`worker.drain_grace_ms\` plus ${RELEASE_MS / 1000} s for the`);
  expect(read('docs/how-to/operate.md')).toContain(`the grace and ${RELEASE_MS / 1000} s more`);
  expect(read('docs/start/run.md')).toContain(`wait at least ${neededS} s before`);
});
