import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { inWords } from '../../src/contract/schema-words.ts';

/** The code of the first problem that a schema finds in a value, and its message in our words. */
function problemIn(schema: z.ZodType, value: unknown): [string, string] {
  const [issue] = schema.safeParse(value, inWords('field')).error?.issues ?? [];
  return [issue?.code ?? 'none', issue?.message ?? 'the value fits'];
}

const Named = z.string().regex(/^[a-z]+$/, 'expected a name in lower case');
const Shape = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('circle') }),
  z.object({ kind: z.literal('square') }),
]);

const ROWS: [code: string, schema: z.ZodType, value: unknown, message: string][] = [
  ['invalid_type', z.string(), undefined, 'is missing; expected a string'],
  ['invalid_type', z.string(), 7, 'expected a string, got 7'],
  ['invalid_type', z.string(), null, 'expected a string, got null'],
  ['invalid_type', z.number(), 'lots', 'expected a number, got "lots"'],
  ['invalid_type', z.number(), Number.NaN, 'expected a number, got NaN'],
  ['invalid_type', z.number().int().min(1), 'lots', 'expected a whole number, got "lots"'],
  ['invalid_type', z.number().int().min(1), undefined, 'is missing; expected a whole number'],
  ['invalid_type', z.number().int(), 1.5, 'expected a whole number, got 1.5'],
  ['invalid_type', z.int(), true, 'expected a whole number, got true'],
  ['invalid_type', z.number(), 'k'.repeat(51), 'expected a number, got a text of 51 characters'],
  ['invalid_type', z.boolean(), 'yes', 'expected true or false, got "yes"'],
  ['invalid_type', z.object({}), 'hunter2', 'expected an object, got a string'],
  ['invalid_type', z.object({}), [], 'expected an object, got a list'],
  ['invalid_type', z.record(z.string(), z.string()), 5, 'expected an object, got 5'],
  ['invalid_type', z.array(z.string()), {}, 'expected a list, got an object'],
  ['too_small', z.number().min(1), 0, 'expected a number of at least 1, got 0'],
  ['too_small', z.number().positive(), -1, 'expected a number above 0, got -1'],
  ['too_small', z.number().int(), -1e300, 'expected a whole number of at least -9007199254740991, got -1e+300'],
  ['too_small', z.string().min(2), 'x', 'expected a string of at least 2 characters, got 1 character'],
  ['too_small', z.string().length(2), 'x', 'expected a string of exactly 2 characters, got 1 character'],
  ['too_small', z.array(z.string()).min(1), [], 'expected a list of at least 1 item, got 0 items'],
  ['too_big', z.number().max(9), 10, 'expected a number of at most 9, got 10'],
  ['too_big', z.number().negative(), 1, 'expected a number below 0, got 1'],
  ['too_big', z.string().max(1), 'secret', 'expected a string of at most 1 character, got 6 characters'],
  ['too_big', z.array(z.string()).max(1), ['a', 'b'], 'expected a list of at most 1 item, got 2 items'],
  ['invalid_format', z.string().regex(/^a$/), 'secret', 'expected a string that matches /^a$/, got 6 characters'],
  ['invalid_format', Named, 'Eve', 'expected a name in lower case'],
  ['invalid_format', z.iso.datetime(), 'now', 'expected a time in UTC, such as 2026-01-31T09:30:00Z, got 3 characters'],
  ['invalid_format', z.url(), 'x', 'expected a URL, got 1 character'],
  ['invalid_format', z.email(), 'x', 'expected a string of the form "email", got 1 character'],
  ['not_multiple_of', z.number().multipleOf(5), 7, 'expected a multiple of 5, got 7'],
  [
    'unrecognized_keys',
    z.strictObject({ model: z.string().optional() }),
    { modle: 'm' },
    'unknown field "modle"; did you mean model? Known: model',
  ],
  [
    'unrecognized_keys',
    z.strictObject({ goal: z.string().optional() }),
    { x: 1, y: 2 },
    'unknown fields "x", "y"; known: goal',
  ],
  ['unrecognized_keys', z.strictObject({}), { x: 1 }, 'unknown field "x"'],
  ['invalid_union', z.union([z.string(), z.object({})]), 5, 'expected a string or an object, got 5'],
  ['invalid_union', z.union([z.string(), z.object({})]), undefined, 'is missing; expected a string or an object'],
  ['invalid_union', z.union([z.string(), z.object({ a: z.number() })]), { a: 'b' }, 'a: expected a number, got "b"'],
  ['invalid_union', z.union([z.string(), z.number().min(5)]), {}, 'expected a string or a number, got an object'],
  ['invalid_union', z.json(), undefined, 'is missing; expected plain JSON'],
  ['invalid_union', Shape, { kind: 'cube' }, 'expected one of circle, square, got "cube"'],
  ['invalid_union', Shape, {}, 'is missing; expected one of circle, square'],
  [
    'invalid_key',
    z.record(z.string().max(2), z.string()),
    { abc: '' },
    'wrong name: expected a string of at most 2 characters, got 3 characters',
  ],
  [
    'invalid_element',
    z.map(z.any(), z.number()),
    new Map([[{}, 'b']]),
    'wrong entry of an object: expected a number, got "b"',
  ],
  ['invalid_value', z.enum(['low', 'high']), 'middle', 'expected one of low, high, got "middle"'],
  ['invalid_value', z.enum(['low', 'high']), undefined, 'is missing; expected one of low, high'],
  ['invalid_value', z.enum(['low', 'high']), 'k'.repeat(51), 'expected one of low, high, got a text of 51 characters'],
  ['invalid_value', z.literal(1), 2, 'expected 1, got 2'],
  ['custom', z.string().refine(() => false), 'x', 'expected another value for this field, got 1 character'],
  ['custom', z.custom<string>(() => false), undefined, 'is missing; expected another value for this field'],
];

test.each(ROWS)('a schema reports %s in our words: %#', (code, schema, value, message) => {
  expect(problemIn(schema, value)).toEqual([code, message]);
});

test('every code of a problem has a row', () => {
  const codes = Object.values(z.ZodIssueCode);
  expect(codes.toSorted()).toEqual([...new Set(ROWS.map(([code]) => code))].toSorted());
});

test('no message has the English of the schema library', () => {
  const messages = ROWS.map(([, schema, value]) => problemIn(schema, value)[1]);
  expect(
    messages.filter((text) => /Invalid|Too |Unrecognized|received|to be|to have|[<>]=|\bint\b/.test(text)),
  ).toEqual([]);
});

/** The calls of `parse` and `safeParse` of a schema in a source, with what follows each of them. */
function parsesIn(source: string): string[] {
  return (
    source.match(/(?<!JSON|Date|URL|ipaddr)\.(safeParse|parse)\((?:[^()]|\((?:[^()]|\([^()]*\))*\))*\)[^\n]*/g) ?? []
  );
}

test('every parse whose problems are read reports them in our words', () => {
  const root = join(import.meta.dirname, '../..');
  const unworded = globSync('{src,dashboards}/**/*.ts', { cwd: root }).flatMap((file) => {
    const source = readFileSync(join(root, file), 'utf8');
    const readsProblems = /\.error\b|\.issues\b|prettifyError|treeifyError|flattenError/.test(source);
    return parsesIn(source)
      .filter((call) => !/inWords\(|REPORTING/.test(call) && !/^\.parse\(\{\}\)/.test(call))
      .filter((call) => call.startsWith('.parse(') || (readsProblems && !/\)\.(success|data)\b/.test(call)))
      .map((call) => `${file}: ${call}`);
  });
  expect(unworded).toEqual([]);
});
