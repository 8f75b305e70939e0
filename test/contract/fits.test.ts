import { isDeepStrictEqual } from 'node:util';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';

import { type Contract, contract, parseUnlessFits } from '../../src/contract/fits.ts';
import { setIn } from '../records/fuzz/fields.ts';
import { RECORD_KINDS } from '../records/fuzz/kinds.ts';
import { fieldsOf, sampleOf } from '../records/fuzz/schema-fields.ts';

const TIME = '2026-11-22T00:00:00.000Z';
const ODD = [
  undefined,
  null,
  true,
  '',
  'x',
  TIME,
  `${TIME}\n`,
  '2026-02-30T00:00:00.000Z',
  '\ud800',
  'x'.repeat(300),
  0,
  -0,
  -1,
  1,
  1.5,
  2 ** 53,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  [],
  [null],
  {},
  { length: 1 },
  JSON.parse('{"__proto__":{"a":1}}'),
];

/** The same value with one field changed, as JSON from Redis is: plain objects without prototypes of their own. */
function changed(sample: unknown, path: readonly string[], value: unknown): unknown {
  return setIn(structuredClone(sample), path, value);
}

/** Without fields that are `undefined`, which JSON cannot have. */
function defined(value: unknown): unknown {
  return value === undefined ? undefined : JSON.parse(JSON.stringify(value));
}

/** What fits is what parsing would return: parsing may know better, never worse. */
function expectNoMoreThanParsing(schema: Contract<unknown>, value: unknown): boolean {
  const hasFitted = schema.fits(value);
  const parsed = schema.safeParse(value);
  if (hasFitted) expect(isDeepStrictEqual(defined(parsed.data), defined(value)) || { parsed, value }).toBe(true);
  return hasFitted;
}

describe.each(RECORD_KINDS.map(({ name, schema }) => ({ name, schema })))('$name', ({ schema }) => {
  test('a value with any field changed fits only if parsing returns an equal value', () => {
    let hasFitted = 0;
    for (const { path, sample } of fieldsOf(schema)) {
      for (const value of ODD) hasFitted += Number(expectNoMoreThanParsing(schema, changed(sample, path, value)));
      expectNoMoreThanParsing(schema, changed(sample, [...path.slice(0, -1), 'added'], 1));
      expectNoMoreThanParsing(schema, changed(sample, [...path.slice(0, -1), '__proto__'], { a: 1 }));
    }
    for (const value of ODD) expectNoMoreThanParsing(schema, value);
    expect(schema.fits(sampleOf(schema))).toBe(true);
    expect(hasFitted).toBeGreaterThan(0);
  });
});

test.each([
  ['a field that parsing changes', z.looseObject({ a: z.string().trim() }), { a: ' x ' }],
  ['a field that parsing adds', z.looseObject({ a: z.string().default('x') }), {}],
  ['a field that parsing drops', z.object({ a: z.string() }), { a: 'x', b: 1 }],
  ['a field that parsing refuses', z.strictObject({ a: z.string() }), { a: 'x', b: 1 }],
  ['a rule of the whole object', z.looseObject({ a: z.string() }).refine(() => false), { a: 'x' }],
  ['a list beyond its limit', z.array(z.string()).max(1), ['x', 'y']],
  ['a rule of a list', z.array(z.string()).refine(() => false), ['x']],
  ['a text of another pattern', z.string().regex(/^a/), 'b'],
  ['a text that a pattern finds too early', z.string().regex(/a/y), 'ba'],
  ['a number beyond a limit that excludes it', z.number().gt(1), 1],
])('%s does not fit', (_, schema, value) => expect(contract(schema).fits(value)).toBe(false));

test('a value that fits is returned itself, with the fields the schema does not name', () => {
  const value = { a: 'x', b: { c: 1 } };
  expect(parseUnlessFits(contract(z.looseObject({ a: z.string() })), value)).toBe(value);
  expect(() => parseUnlessFits(contract(z.looseObject({ a: z.string() })), { a: 1 })).toThrow('expected a string');
});
