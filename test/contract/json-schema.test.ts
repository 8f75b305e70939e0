import { expect, test } from 'vitest';
import { REASONING_EFFORTS } from '../../src/contract/effort.ts';
import { jsonSchemas } from '../../src/contract/json-schema.ts';

type Node = Record<string, unknown>;

const schemas = Object.entries(jsonSchemas());

/** Every object inside a schema, itself included. */
function nodesOf(value: unknown): Node[] {
  if (Array.isArray(value)) return value.flatMap(nodesOf);
  if (typeof value !== 'object' || value === null) return [];
  return [{ ...value }, ...Object.values(value).flatMap(nodesOf)];
}

function namesOf(schema: unknown): string[] {
  return nodesOf(schema).flatMap(({ properties }) => Object.keys(properties ?? {}));
}

test('every shape has a schema of its own name, as plain JSON', () => {
  expect(schemas.map(([name]) => name)).toEqual([
    'BatchSpec',
    'TaskSpec',
    'BatchSummary',
    'Outcome',
    'Failure',
    'CleanupRecord',
    'ErrandEvent',
  ]);
  for (const [name, schema] of schemas) {
    expect(schema).toMatchObject({
      $id: `errand/v1/${name}.json`,
      title: name,
      $schema: 'https://json-schema.org/draft/2020-12/schema',
    });
    expect(JSON.parse(JSON.stringify(schema))).toEqual(schema);
  }
});

test.each(schemas)('%s refuses other fields only in what a producer writes', (name, schema) => {
  const objects = nodesOf(schema).filter(({ type, properties }) => type === 'object' && properties !== undefined);
  expect(objects.length).toBeGreaterThan(0);
  const isInput = name === 'BatchSpec' || name === 'TaskSpec';
  for (const object of objects) expect(object.additionalProperties).toBe(!isInput);
});

test.each(schemas)('%s has no field for a key or an address [B18]', (_name, schema) => {
  expect(
    namesOf(schema).filter((name) => /key$|secret|token$|password|url/i.test(name) && name !== 'idempotency_key'),
  ).toEqual([]);
});

test('the schema of a task lists the levels, requires the goal and has no defaults', () => {
  const { TaskSpec, BatchSpec } = jsonSchemas();
  expect(TaskSpec.required).toEqual(['goal']);
  expect(TaskSpec.properties?.reasoning_effort).toMatchObject({ enum: [...REASONING_EFFORTS] });
  expect(BatchSpec.anyOf).toMatchObject([{ required: ['tasks'] }, { required: ['goal'] }]);
});
