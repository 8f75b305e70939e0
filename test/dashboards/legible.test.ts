import { describe, expect, test } from 'vitest';
import { legible, legibleExcerpt } from '../../dashboards/legible.ts';
import { Redactor, Secret } from '../../src/base/secret.ts';

const SECRET = 'sk-planted/"quoted"+secret';

function watching(): Redactor {
  const redactor = new Redactor();
  redactor.watch(new Secret(SECRET));
  return redactor;
}

describe('legible', () => {
  test('masks a secret in keys, nested values and JSON inside a text', () => {
    const value = { [SECRET]: [{ note: `key ${SECRET}` }], nested: JSON.stringify({ key: SECRET }) };
    const shown = JSON.stringify(legible(value, watching()));
    expect(shown).not.toContain('planted');
    expect(shown.match(/\[secret\]/g)).toHaveLength(3);
  });

  test('leaves no part of a secret that lies across the cut', () => {
    const shown = legible(`${'x'.repeat(4090)}${SECRET}`, watching());
    expect(shown).toBe(`${'x'.repeat(4090)}[secre… (2 more characters)`);
  });

  test('leaves numbers alone that contain a watched value', () => {
    const redactor = new Redactor();
    redactor.watch(new Secret('123456'));
    expect(legible({ at: 1123456 }, redactor)).toEqual({ at: 1123456 });
  });
});

describe('legibleExcerpt', () => {
  test('returns a value of up to 4 KB whole', () => {
    const value = { goal: 'g'.repeat(4000), index: 3 };
    expect(legibleExcerpt(value, new Redactor())).toEqual(value);
  });

  test('keeps the shape of a large value and notes what it cut', () => {
    const value = { goal: 'g'.repeat(500_000), index: 3, route: { provider: 'acme' } };
    expect(legibleExcerpt(value, new Redactor())).toEqual({
      goal: `${'g'.repeat(1024)}… (498976 more characters)`,
      index: 3,
      route: { provider: 'acme' },
    });
  });

  test('bounds a value of many small parts and says how many are missing', () => {
    const shown = legibleExcerpt({ ids: Array.from({ length: 100_000 }, (_, id) => id) }, new Redactor());
    const json = JSON.stringify(shown);
    expect(json.length).toBeLessThan(5000);
    expect(json).toMatch(/… \(\d+ more\)/);
  });

  test('takes a value that is missing', () => {
    expect(legibleExcerpt(undefined, new Redactor())).toBeUndefined();
  });
});
