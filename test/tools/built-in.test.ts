import { expect, test } from 'vitest';
import { WorkspaceLimits } from '../../src/contract/limits.ts';
import { builtInToolsets } from '../../src/tools/built-in.ts';
import { BUILT_IN_TOOLSETS } from '../../src/tools/names.ts';

test('workers make the toolsets whose names producers know, and no other', () => {
  const made = builtInToolsets({ workspaceRoot: '/tmp/errand', limits: WorkspaceLimits.parse({}) });
  expect(made.map(({ name }) => name)).toEqual(BUILT_IN_TOOLSETS);
});
