import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { COMMANDS, REDIS_ROLES, rightsOf } from '../../src/redis/rights.ts';
import { page, root } from '../helpers/pages.ts';

test('a worker may run every command that a script of Errand names', () => {
  const files = globSync('src/{queue,records}/**/*.ts', { cwd: root });
  const text = files.map((file) => readFileSync(join(root, file), 'utf8')).join('\n');
  const named = [...text.matchAll(/(?<!await )redis\.p?call\('(\w+)'/g)].map(([, name = '']) => name.toLowerCase());
  expect(named.length).toBeGreaterThan(100);
  expect(named.filter((name) => !COMMANDS.worker.includes(name))).toEqual([]);
});

test.each(REDIS_ROLES)('the page about Redis has the command that makes the user of the role %s', (role) => {
  const command = `ACL SETUSER errand-${role} reset on >PASSWORD ${rightsOf(role, '{errand}').join(' ')}`;
  expect(page('docs/explanations/redis.md').split('\n')).toContain(command);
});
