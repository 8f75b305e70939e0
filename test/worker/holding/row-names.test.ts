import { describe, expect, test } from 'vitest';
import { newBatchId, taskIdOf } from '../../../src/base/ids.ts';
import { Redactor } from '../../../src/base/secret.ts';
import type { LedgerRow } from '../../../src/contract/cleanup.ts';
import { processTagOf } from '../../../src/processes/tag.ts';
import { workspacePathOf } from '../../../src/tools/workspace/kind.ts';
import { responseMarkOf } from '../../../src/worker/holding/response-kind.ts';
import { rowIdOf, whyNotBelieved } from '../../../src/worker/holding/row-names.ts';
import { releasersFor } from '../../helpers/releasers.ts';

const HERE = { prefix: '{here}', workspaceRoot: '/srv/errand' };
const ELSEWHERE = { prefix: '{elsewhere}', workspaceRoot: '/srv/errand' };
const TASK_ID = taskIdOf(newBatchId(), 3);
const AT = '2026-01-01T00:00:00.000Z';

function entryOf(kind: LedgerRow['kind'], ref: string, epoch = 2): LedgerRow {
  return { status: 'acquired', kind, ref, epoch, owner: 'w.1', intent_at: AT, acquired_at: AT };
}

const releasers = releasersFor(new Redactor(), [], {}, HERE);

function kindOf({ kind }: LedgerRow) {
  return releasers.kindOf(kind) ?? expect.fail(`no kind ${kind}`);
}

function idOf(entry: LedgerRow): string {
  return rowIdOf(entry, kindOf(entry));
}

function why(entry: LedgerRow, id = idOf(entry), taskId = TASK_ID): string | null {
  return whyNotBelieved({ taskId, id, entry }, kindOf(entry));
}

test('names of resources differ by task, epoch and deployment', () => {
  expect(workspacePathOf(HERE, TASK_ID, 2)).toBe(`/srv/errand/${TASK_ID}.2`);
  const tags = [HERE, ELSEWHERE].map((deployment) => processTagOf(deployment, TASK_ID, '2.process.1'));
  expect(new Set(tags).size).toBe(2);
  for (const tag of tags) expect(tag).toMatch(new RegExp(`^[0-9a-f]{16}:${TASK_ID}/2\\.process\\.1$`));
  const marks = [HERE, ELSEWHERE].map((deployment) => responseMarkOf(deployment, TASK_ID));
  expect(marks[0]?.errand_task).toBe(TASK_ID);
  expect(marks[0]?.errand_deployment).not.toBe(marks[1]?.errand_deployment);
});

test('the id of a row has its epoch, kind and reference, or the id of a response', () => {
  expect(idOf(entryOf('client', 'api.acme.com'))).toBe('2.client.api.acme.com');
  expect(idOf(entryOf('response', 'acme/resp_1'))).toBe('2.response.resp_1');
  const tag = processTagOf(HERE, TASK_ID, '2.process.shell-1');
  for (const ref of [tag, `7:1:${tag}`]) expect(idOf(entryOf('process', ref))).toBe('2.process.shell-1');
});

describe('a row is believed', () => {
  test.each([
    ['its workspace is that of its task and epoch', entryOf('workspace', workspacePathOf(HERE, TASK_ID, 2)), undefined],
    ['it names a client', entryOf('client', 'api.acme.com'), undefined],
    ['it names a response', entryOf('response', 'acme/resp_1'), undefined],
    ['its process has not started', entryOf('process', processTagOf(HERE, TASK_ID, '2.process.1')), '2.process.1'],
    ['its process has its tag', entryOf('process', `7:1:${processTagOf(HERE, TASK_ID, '2.process.1')}`), '2.process.1'],
  ])('if %s', (_, entry, id) => {
    expect(why(entry, id)).toBeNull();
  });
});

describe('a row is not believed', () => {
  const workspace = entryOf('workspace', workspacePathOf(HERE, TASK_ID, 2));
  test.each<[string, LedgerRow, string | undefined, string]>([
    [
      'its directory is of another epoch',
      entryOf('workspace', workspacePathOf(HERE, TASK_ID, 1)),
      undefined,
      'directory',
    ],
    ['its directory is outside the root', entryOf('workspace', '/etc'), undefined, 'directory'],
    ['its id is of another kind', workspace, '2.client.host', 'id does not match'],
    ['its id is of another epoch', workspace, `1.workspace.${workspace.ref}`, 'id does not match'],
    [
      'its tag is of another row',
      entryOf('process', `7:1:${processTagOf(HERE, TASK_ID, '2.process.1')}`),
      '2.process.x',
      'id does not match',
    ],
    [
      'its tag is of another deployment',
      entryOf('process', `7:1:${processTagOf(ELSEWHERE, TASK_ID, '2.process.1')}`),
      '2.process.1',
      'tag does not belong',
    ],
    ['its response id has a slash', entryOf('response', 'acme/../resp_1'), undefined, 'no valid response id'],
  ])('if %s', (_, entry, id, reason) => {
    expect(why(entry, id)).toContain(reason);
  });

  test('if its task id is a path', () => {
    expect(why(workspace, undefined, '../x')).toBe('its task id is invalid');
  });
});
