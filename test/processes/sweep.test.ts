import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { findTagged, killTagged } from '../../src/processes/sweep.ts';
import { aTag, commandOf, compileGuard, pidsTagged, startScript, untilTagged } from '../helpers/process-trees.ts';

const STUBBORN_TREE = fileURLToPath(new URL('../fixtures/stubborn-tree.sh', import.meta.url));

let guardPath: string;
let remove: () => void;
beforeAll(async () => {
  ({ guardPath, remove } = await compileGuard());
});
afterAll(() => remove());

test('kills what a killed guard left behind of a stubborn tree', async () => {
  const tool = await startScript('', { guardPath, args: [STUBBORN_TREE] });
  await untilTagged(tool.tag, 6);
  process.kill(tool.pid, 'SIGKILL');
  await tool.exited;
  await untilTagged(tool.tag, 4);
  expect(await killTagged(new Set([tool.tag]))).toEqual({ [tool.tag]: { killed: 4, survivors: 0 } });
  expect(pidsTagged(tool.tag)).toEqual([]);
});

test('kills a process without the tag below one that carries it, also a stopped one', async () => {
  const tool = await startScript('env -i sleep 300 & echo $!; wait', { guardPath });
  const untagged = Number(await once(tool.stdout, 'data'));
  const [, root = Number.NaN] = await untilTagged(tool.tag, 2);
  expect(commandOf(untagged)).toContain('sleep');
  process.kill(root, 'SIGSTOP');
  process.kill(tool.pid, 'SIGSTOP');
  expect(await killTagged(new Set([tool.tag]))).toEqual({ [tool.tag]: { killed: 3, survivors: 0 } });
  expect(commandOf(untagged)).toBe('');
});

test('leaves every other tag alone, also a longer one, and answers for each tag', async () => {
  const tag = aTag();
  const doomed = await startScript('exec sleep 300', { guardPath, tag });
  const spared = await startScript('exec sleep 300', { guardPath, tag: `${tag}0` });
  await untilTagged(doomed.tag, 2);
  const found = await untilTagged(spared.tag, 2);
  const never = aTag();
  expect(await killTagged(new Set([doomed.tag, never]))).toEqual({
    [doomed.tag]: { killed: 2, survivors: 0 },
    [never]: { killed: 0, survivors: 0 },
  });
  const left = await findTagged((each) => each === spared.tag);
  expect(left.map(({ pid }) => pid)).toEqual(found);
  await spared.close();
});
