import { expect, test } from 'vitest';
import { WorkspaceLimits } from '../../src/contract/limits.ts';
import { builtInToolsets } from '../../src/tools/built-in.ts';
import { HttpSettings } from '../../src/tools/http/settings.ts';
import { BUILT_IN_TOOLSETS, OPTIONAL_TOOLSETS } from '../../src/tools/names.ts';

function namesWith(http: object): string[] {
  const settings = { workspaceRoot: '/tmp/errand', limits: WorkspaceLimits.parse({}), http: HttpSettings.parse(http) };
  return builtInToolsets(settings).map(({ name }) => name);
}

test('workers make the toolsets whose names producers know, and no other', () => {
  expect(namesWith({})).toEqual(BUILT_IN_TOOLSETS);
});

test('a worker has an optional toolset only if its settings turn it on', () => {
  const made = namesWith({ allow: ['https://api.example.com/v1/*'] });
  expect(made.filter((name) => OPTIONAL_TOOLSETS.includes(name))).toEqual(['http']);
});
