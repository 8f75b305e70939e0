import { z } from 'zod';

/** A field that a schema declares, and a valid value of the schema that has this field. List entries have the name `0`. */
export type Field = { path: string[]; sample: unknown };

type Walked = { sample: unknown; fields: Field[] };

const TIME = '2026-11-22T00:00:00.000Z';
const VALUES: unknown[] = ['steady', TIME, 1, 2, 0, true, null, 'INTERNAL'];
/** The name of an entry in an object whose names are free. */
const FREE_NAME = 'steady';

/**
 * Lists every field that a schema declares, at every depth and in every branch of every union, optional fields included.
 * A field that several branches declare is listed once for each, with a value of that branch.
 */
export function fieldsOf(schema: z.core.$ZodType): Field[] {
  return walk(schema).fields;
}

/** A valid value of a schema, with all its optional fields. */
export function sampleOf(schema: z.core.$ZodType): unknown {
  return walk(schema).sample;
}

function walk(schema: z.core.$ZodType): Walked {
  if (schema instanceof z.ZodObject) return inObject(schema);
  if (schema instanceof z.ZodArray) return inEntry(walk(schema.element), '0', (entry) => [entry]);
  if (schema instanceof z.ZodRecord)
    return inEntry(walk(schema.valueType), FREE_NAME, (entry) => ({ [FREE_NAME]: entry }));
  if (schema instanceof z.ZodUnion) return inUnion(schema.options.map(walk));
  if (
    schema instanceof z.ZodOptional ||
    schema instanceof z.ZodNullable ||
    schema instanceof z.ZodDefault ||
    schema instanceof z.ZodCatch
  ) {
    return walk(schema.def.innerType);
  }
  return { sample: leafOf(schema), fields: [] };
}

function inObject({ shape }: z.ZodObject): Walked {
  const parts = Object.entries(shape).map(([name, part]) => [name, walk(part)] as const);
  const sample = Object.fromEntries(parts.map(([name, part]) => [name, part.sample]));
  const fields = parts.flatMap(([name, part]) => [
    { path: [name], sample },
    ...part.fields.map((field) => ({ path: [name, ...field.path], sample: { ...sample, [name]: field.sample } })),
  ]);
  return { sample, fields };
}

function inEntry(inner: Walked, name: string, around: (entry: unknown) => unknown): Walked {
  const sample = around(inner.sample);
  const fields = inner.fields.map((field) => ({ path: [name, ...field.path], sample: around(field.sample) }));
  return { sample, fields: [{ path: [name], sample }, ...fields] };
}

function inUnion(options: Walked[]): Walked {
  const fields = options.flatMap((option) => option.fields);
  return { sample: options[0]?.sample, fields };
}

function leafOf(schema: z.core.$ZodType): unknown {
  if (schema instanceof z.ZodLiteral) return schema.value;
  if (schema instanceof z.ZodEnum) return schema.options[0];
  const found = VALUES.find((value) => z.safeParse(schema, value).success);
  if (found === undefined) throw new Error(`no sample for a schema of type ${schema._zod.def.type}`);
  return found;
}
