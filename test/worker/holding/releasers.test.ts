import { mkdir, mkdtemp, rm, rmdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import type { ResourceKind } from '../../../src/agent/resource.ts';
import { isoNow } from '../../../src/base/clock.ts';
import { newBatchId, taskIdOf } from '../../../src/base/ids.ts';
import { Redactor } from '../../../src/base/secret.ts';
import { processTagOf } from '../../../src/processes/tag.ts';
import type { Row } from '../../../src/records/row.ts';
import { workspacePathOf } from '../../../src/tools/workspace/kind.ts';
import { Releasers } from '../../../src/worker/holding/releasers.ts';
import { compileGuard, pidsTagged, startScript, untilTagged } from '../../helpers/process-trees.ts';
import { NOWHERE, releasersFor } from '../../helpers/releasers.ts';
import { aWitness } from '../../helpers/witness.ts';

// The real file system, but for the one call that does nothing.
vi.mock('node:fs/promises', { spy: true });

const STUBBORN_TREE = fileURLToPath(new URL('../../fixtures/stubborn-tree.sh', import.meta.url));

afterEach(() => {
  vi.useRealTimers();
});

const TASK_ID = taskIdOf(newBatchId(), 0);

function rowOf(kind: string, ref: string): Row {
  const at = isoNow();
  return {
    taskId: TASK_ID,
    id: `1.${kind}.${kind === 'process' ? 1 : ref}`,
    entry: { status: 'acquired', kind, ref, epoch: 1, owner: 'w.1', intent_at: at, acquired_at: at },
  };
}

test('the processes of a tree whose guard was killed are found by their tag, and ended', async () => {
  const { guardPath, remove } = await compileGuard();
  const tool = await startScript('', {
    guardPath,
    args: [STUBBORN_TREE],
    tag: processTagOf(NOWHERE, TASK_ID, '1.process.1'),
  });
  remove();
  await untilTagged(tool.tag, 6);
  process.kill(tool.pid, 'SIGKILL');
  await tool.exited;
  await untilTagged(tool.tag, 4);
  expect(await releasersFor(new Redactor()).release(rowOf('process', tool.ref), 'reclaim')).toMatchObject({
    status: 'released',
    evidence: 'verified',
    detail: 'no process carries its tag; killed: 4',
  });
  expect(pidsTagged(tool.tag)).toEqual([]);
});

test('a client is told as open while a request of it is still in flight', async () => {
  const closing = { close: async () => ({ inFlight: 2 }) };
  expect(await releasersFor(new Redactor()).release(rowOf('client', 'host'), 'owner', closing)).toMatchObject({
    status: 'open',
    evidence: 'unknown',
    detail: '2 requests still in flight',
  });
});

test('a directory below what is a file now is gone', async () => {
  const deployment = { prefix: '{p}', workspaceRoot: fileURLToPath(import.meta.url) };
  const row = rowOf('workspace', workspacePathOf(deployment, TASK_ID, 1));
  expect(await releasersFor(new Redactor(), [], {}, deployment).release(row, 'owner')).toMatchObject({
    status: 'released',
    evidence: 'verified',
  });
});

test('a directory that is there after its removal is told as open', async () => {
  const workspaceRoot = await mkdtemp(join(tmpdir(), 'errand-stays-'));
  onTestFinished(async () => {
    await rmdir(folder);
    await rmdir(workspaceRoot);
  });
  const deployment = { prefix: '{p}', workspaceRoot };
  const folder = workspacePathOf(deployment, TASK_ID, 1);
  await mkdir(folder);
  vi.mocked(rm).mockResolvedValueOnce();
  expect(
    await releasersFor(new Redactor(), [], {}, deployment).release(rowOf('workspace', folder), 'owner'),
  ).toMatchObject({
    status: 'open',
    evidence: 'unknown',
    detail: 'the directory is still there',
  });
});

test('a release that hangs is told as open, and holds nothing up [B103]', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const hanging = { close: () => new Promise<never>(() => undefined) };
  const giving = releasersFor(new Redactor()).release(rowOf('client', 'host'), 'owner', hanging);
  vi.advanceTimersByTime(10_000);
  expect(await giving).toMatchObject({ status: 'open', evidence: 'unknown', detail: 'timed out after 10 s' });
});

describe('a kind of a toolset', () => {
  const releasers = (over: Partial<ResourceKind> = {}) => {
    const released: string[] = [];
    const desk: ResourceKind = {
      kind: 'desk',
      outlivesProcess: true,
      release: async (ref) => {
        released.push(ref);
        return { evidence: 'verified', detail: 'gone' };
      },
      ...over,
    };
    return {
      released,
      of: new Releasers({ observer: aWitness(), redactor: new Redactor(), kinds: [], ownKinds: [desk] }),
    };
  };

  test.each([[`${TASK_ID}.1`], [`${TASK_ID}.1.left-1`]])('is released by a name of its attempt: %s', async (ref) => {
    const { released, of } = releasers();
    expect(await of.release(rowOf('desk', ref), 'reclaim')).toMatchObject({ status: 'released', detail: 'gone' });
    expect(released).toEqual([ref]);
  });

  test.each([
    ['/etc/passwd'],
    [`${TASK_ID}.2`],
    [`${TASK_ID}.11`],
    [`${TASK_ID}.1.`],
    [`${TASK_ID}.1.a/b`],
    [`${taskIdOf(newBatchId(), 0)}.1`],
  ])('is not released by another reference, unless it has a check of its own: %s', async (ref) => {
    const { released, of } = releasers();
    const left = { status: 'open', evidence: 'unknown', detail: expect.stringContaining('the row was not acted on') };
    expect(await of.release(rowOf('desk', ref), 'reclaim')).toMatchObject(left);
    expect(released).toEqual([]);
    const checked = releasers({ doubt: () => null });
    expect(await checked.of.release(rowOf('desk', ref), 'reclaim')).toMatchObject({ status: 'released' });
  });

  test('that this worker does not have stays open', async () => {
    const detail = 'no toolset of this worker has the resource kind "chair"';
    const step = await releasers().of.release(rowOf('chair', `${TASK_ID}.1`), 'reclaim');
    expect(step).toMatchObject({ status: 'open', evidence: 'unknown', detail });
  });

  test('that returns no evidence leaves its row open', async () => {
    const { of } = releasers({ release: async () => ({ evidence: 'sure', detail: 'gone' }) as never });
    const detail = 'expected its release to return { evidence, detail }';
    expect(await of.release(rowOf('desk', `${TASK_ID}.1`), 'owner')).toMatchObject({ status: 'open', detail });
  });

  test('that returns a very long detail gets it cut, so that the record fits', async () => {
    const { of } = releasers({
      release: async () => ({ evidence: 'verified', detail: `${'x'.repeat(5_000_000)}\ud800` }),
    });
    const { status, detail } = await of.release(rowOf('desk', `${TASK_ID}.1`), 'owner');
    expect(status).toBe('released');
    expect(detail.length).toBeLessThanOrEqual(1_000);
  });
});
