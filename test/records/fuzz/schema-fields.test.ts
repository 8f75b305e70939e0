import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { RECORD_KINDS } from './kinds.ts';
import { fieldsOf, sampleOf } from './schema-fields.ts';

const CONTRACT = join(import.meta.dirname, '../../../src/contract');

/** What a producer or an operator writes. It is parsed before anything is stored, and no worker reads it from Redis. */
const NEVER_READ =
  'BatchOptions BatchSpec DefaultBudget EffortPolicy Limits OwnToolsetName RoutingPrecedence TaskSpec ToolPolicy WorkspaceLimits'.split(
    ' ',
  );
/** Another reading of a record that is in the list. */
const SAME_RECORD = ['BatchBrief'];

/** The paths that a JSON Schema names. It is made by zod itself, so it checks the walk over the schemas. */
function pathsIn(node: unknown, path: string[] = []): string[] {
  if (typeof node !== 'object' || node === null) return [];
  const { properties = {}, items, additionalProperties, anyOf = [], oneOf = [] } = node as Record<string, object>;
  const inside = [
    ...Object.entries(properties).map(([name, part]) => [name, part] as const),
    ...(items ? [['0', items] as const] : []),
    ...(additionalProperties && Object.keys(additionalProperties).length > 0
      ? [['steady', additionalProperties] as const]
      : []),
  ];
  return [
    ...inside.flatMap(([name, part]) => [[...path, name].join('.'), ...pathsIn(part, [...path, name])]),
    ...[...Object.values(anyOf), ...Object.values(oneOf)].flatMap((part) => pathsIn(part, path)),
  ];
}

function jsonSchemaOf(schema: z.core.$ZodType): unknown {
  return z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any', reused: 'inline' });
}

test.each(RECORD_KINDS.map(({ name, schema }) => [name, schema] as const))(
  'the fuzzer sets every field that the schema declares: %s',
  (_, schema) => {
    const found = new Set(fieldsOf(schema).map(({ path }) => path.join('.')));
    expect([...found].toSorted()).toEqual([...new Set(pathsIn(jsonSchemaOf(schema)))].toSorted());
    expect(found.size).toBeGreaterThan(0);
    expect(z.safeParse(schema, sampleOf(schema)).success).toBe(true);
    for (const { sample } of fieldsOf(schema)) expect(z.safeParse(schema, sample).success).toBe(true);
  },
);

test('optional fields, branches, lists and free names are all listed', () => {
  const schema = z.object({
    a: z.string().optional(),
    b: z.union([
      z.object({ kind: z.literal('x'), one: z.number() }),
      z.object({ kind: z.literal('y'), two: z.null() }),
    ]),
    c: z.array(z.object({ d: z.number().nullable() })).catch([]),
    e: z.record(z.string(), z.object({ f: z.boolean() })).default({}),
  });
  const paths = new Set(fieldsOf(schema).map(({ path }) => path.join('.')));
  expect([...paths].toSorted()).toEqual(
    ['a', 'b', 'b.kind', 'b.one', 'b.two', 'c', 'c.0', 'c.0.d', 'e', 'e.steady', 'e.steady.f'].toSorted(),
  );
});

/** Every schema inside a schema. */
function partsOf(schema: z.core.$ZodType, found = new Set<z.core.$ZodType>()): Set<z.core.$ZodType> {
  if (found.has(schema)) return found;
  found.add(schema);
  const { shape = {}, options = [], ...others } = schema._zod.def as z.core.$ZodTypeDef & Record<string, unknown>;
  const parts = [others.element, others.valueType, others.keyType, others.innerType];
  for (const part of [...parts, ...Object.values(options as object), ...Object.values(shape as object)])
    if (part instanceof z.core.$ZodType) partsOf(part, found);
  return found;
}

test('every stored schema of the contract is among the kinds', async () => {
  const known = new Set(RECORD_KINDS.flatMap(({ schema }) => [...partsOf(schema)]));
  const missing: string[] = [];
  for (const file of (await readdir(CONTRACT)).filter((name) => name.endsWith('.ts'))) {
    const exported: Record<string, unknown> = await import(join(CONTRACT, file));
    for (const [name, value] of Object.entries(exported)) {
      if (!(value instanceof z.ZodType) || known.has(value)) continue;
      const fields = value instanceof z.ZodObject ? Object.values(value.shape) : [];
      if (fields.length === 0 || !fields.every((field) => known.has(field))) missing.push(name);
    }
  }
  expect(missing.toSorted()).toEqual([...NEVER_READ, ...SAME_RECORD].toSorted());
});
