import { expect, test } from 'vitest';
import { NamePatterns } from '../../src/base/name-patterns.ts';

const classes = { '*': 'read', 'get_*': 'idempotent', '*_all': 'effect', get_all: 'read' } as const;

test.each([
  ['get_all', 'read'],
  ['get_them_all', 'effect'],
  ['get_one', 'idempotent'],
  ['list', 'read'],
])('the most specific entry decides about %s, and then the strictest value: %s', (name, value) => {
  expect(new NamePatterns<string>(classes, ['effect', 'idempotent', 'read']).find(name)).toBe(value);
});

test('a name that no entry matches has no value', () => {
  expect(new NamePatterns({ 'a*': 1 }, []).find('ba')).toBeUndefined();
  expect(new NamePatterns({}, []).find('toString')).toBeUndefined();
});
