import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Keys } from '../src/records/keys.ts';
import { root } from './helpers/pages.ts';

const methods = Object.getOwnPropertyNames(Keys.prototype).filter((name) => name !== 'constructor');

/** What no test does, by what would hide in it. */
const FORBIDDEN: Record<string, RegExp> = {
  // A prefix and a colon before `records:`, an import of the names, and a call of one.
  'names a record key': new RegExp(`\\}:records:|records/keys\\.ts|\\bkeys\\.(?:${methods.join('|')})\\(`),
  // Prototypes of the language are left out: some tests ask what a changed one does to us.
  'patches a prototype': /\b(?!(?:Object|Array|Function|Error|String|Promise)\.)\w+\.prototype(?:\.\w+\s*=[^=]|\s*,)/,
  'mocks a module of ours': /vi\.(?:mock|doMock)\(\s*'\.{1,2}\//,
  'has a title of more than 80 characters': /(?:\b(?:test|it)|\))\(\s*(['"`])(?=[^'"`]* )(?:\\.|(?!\1)[^\n]){81,}\1,/,
};

/** Only these plant and read records as they are stored. */
const PLANTERS = 'test/records/';

const files = globSync('test/**/*.ts', { cwd: root }).filter((file) => file !== 'test/habits.test.ts');

function offenders(habit: RegExp): string[] {
  return files.filter((file) => habit.test(readFileSync(join(root, file), 'utf8')));
}

test.each(Object.entries(FORBIDDEN))('no test %s', (habit, pattern) => {
  expect(files.length).toBeGreaterThan(200);
  const found = offenders(pattern).filter((file) => habit !== 'names a record key' || !file.startsWith(PLANTERS));
  expect(found).toEqual([]);
});

test.each([
  ['names a record key', `await redis.hset(\`\${prefix}:records:batch:\${id}\`, 'status', 'x')`],
  ['names a record key', "await redis.zadd(keys.openRows('w'), 1, 'x')"],
  ['names a record key', "import { Keys } from '../../src/records/keys.ts';"],
  ['patches a prototype', 'BatchFlow.prototype.add = async () => 0;'],
  ['patches a prototype', "vi.spyOn(Job.prototype, 'changePriority')"],
  ['mocks a module of ours', "vi.doMock('../src/agent/child.ts', () => ({}));"],
  ['has a title of more than 80 characters', `test('a title ${'that goes on '.repeat(7)}', () => undefined);`],
])('a test that %s would be found: %s', (habit, line) => {
  expect(FORBIDDEN[habit]?.test(line)).toBe(true);
});
