import type { z } from 'zod';
import { inWords } from './schema-words.ts';

type Schema = z.core.$ZodType;
type Fields = Readonly<Record<string, unknown>>;

/** Tells whether a value fits as it is; `false` if only parsing can tell. */
type Test = (value: unknown) => boolean;

/** A schema with the quick test that {@link contract} adds. */
export type Tested<S> = S & { readonly fits: Test };

/** The schema of a stored value. */
export type Contract<T> = Tested<z.ZodType<T>>;

/**
 * Adds a test to the schema of a stored value: `fits` tells whether a value certainly fits as it is, so that parsing
 * would only return a copy. `false` means that only parsing can tell.
 *
 * A worker checks about fifteen records for each task, and nearly all fit. Parsing them took a twentieth of its CPU
 * time and a tenth of its garbage. The schema stays the only description of a record: the test is made from it, and
 * every kind of schema that is not listed here is left to it.
 */
export function contract<S extends z.ZodType>(schema: S): Tested<S> {
  let test: Test | undefined;
  const fits: Test = (value) => {
    // Made at the first value: the schemas of a process that reads no record cost it nothing when it starts.
    test ??= makeTest(schema);
    return test(value);
  };
  return Object.assign(schema, { fits });
}

/** A schema inside another one may have its test already. */
function isTested(schema: Schema): schema is Tested<Schema> {
  return 'fits' in schema;
}

/** Parses a value, or returns the value itself if it fits unchanged. @throws ZodError. */
export function parseUnlessFits<T>(schema: Contract<T>, value: unknown): T {
  return schema.fits(value) ? (value as T) : schema.parse(value, inWords('field'));
}

function testOf(schema: Schema): Test {
  return isTested(schema) ? schema.fits : makeTest(schema);
}

function makeTest(schema: Schema): Test {
  const { def } = (schema as z.core.$ZodTypes)._zod;
  const checks = def.checks ?? [];
  if (def.type === 'number' && !('format' in def)) return numberTest(schema, checks);
  if (def.type === 'array') return listTest(schema, def.element, checks);
  if (def.type === 'string' && !('format' in def) && checks.length > 0) return patternTest(schema, checks);
  if (checks.length > 0) return primitiveTest(schema);
  if (def.type === 'string') return stringTest(schema, def);
  if (def.type === 'literal') return memberTest(def.values);
  if (def.type === 'enum') return memberTest(Object.values(def.entries));
  if (def.type === 'optional') return exceptTest(undefined, def.innerType);
  if (def.type === 'nullable') return exceptTest(null, def.innerType);
  if (def.type === 'record') return recordTest(def.keyType, def.valueType);
  if (def.type === 'custom') return (value) => Boolean(def.fn(value));
  if (def.type === 'object' && def.catchall?._zod.def.type === 'unknown') return objectTest(def.shape);
  if (def.type === 'union' && 'discriminator' in def) return unionTest(schema, def as z.core.$ZodDiscriminatedUnionDef);
  return primitiveTest(schema);
}

/** Parses the value: a primitive comes back the same unless the schema changes it, and an object as a copy. */
function primitiveTest(schema: Schema): Test {
  return (value) => {
    if (typeof value === 'object') return false;
    const result = (schema as z.ZodType).safeParse(value);
    return result.success && Object.is(result.data, value);
  };
}

function stringTest(schema: Schema, def: z.core.$ZodStringDef): Test {
  if (!('format' in def)) return (value) => typeof value === 'string';
  const { format, pattern } = def as z.core.$ZodStringFormatDef;
  if (format !== 'datetime' || pattern === undefined) return primitiveTest(schema);
  return (value) => typeof value === 'string' && pattern.test(value);
}

function patternTest(schema: Schema, checks: readonly z.core.$ZodCheck[]): Test {
  const patterns: RegExp[] = [];
  for (const check of checks) {
    const { def } = (check as z.core.$ZodChecks)._zod;
    if (def.check !== 'string_format' || def.format !== 'regex' || !def.pattern) return primitiveTest(schema);
    // A pattern with one of these flags remembers where it matched last.
    if (def.pattern.global || def.pattern.sticky) return primitiveTest(schema);
    patterns.push(def.pattern);
  }
  return (value) => typeof value === 'string' && patterns.every((pattern) => pattern.test(value));
}

function numberTest(schema: Schema, checks: readonly z.core.$ZodCheck[]): Test {
  let [min, max, isWhole] = [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY, false];
  for (const check of checks) {
    const { def } = (check as z.core.$ZodChecks)._zod;
    if (def.check === 'number_format' && def.format === 'safeint') isWhole = true;
    else if (def.check === 'greater_than' && typeof def.value === 'number' && def.inclusive)
      min = Math.max(min, def.value);
    else if (def.check === 'less_than' && typeof def.value === 'number' && def.inclusive)
      max = Math.min(max, def.value);
    else if (def.check === 'greater_than' && def.value === 0 && isWhole) min = Math.max(min, 1);
    else return primitiveTest(schema);
  }
  return (value) => {
    if (typeof value !== 'number' || !Number.isFinite(value) || value < min || value > max) return false;
    return !isWhole || Number.isSafeInteger(value);
  };
}

function memberTest(members: readonly unknown[]): Test {
  const known = new Set(members);
  return (value) => known.has(value);
}

function exceptTest(except: null | undefined, inner: Schema): Test {
  const test = testOf(inner);
  return (value) => value === except || test(value);
}

function listTest(schema: Schema, element: Schema, checks: readonly z.core.$ZodCheck[]): Test {
  const test = testOf(element);
  let max = Number.POSITIVE_INFINITY;
  for (const check of checks) {
    const { def } = (check as z.core.$ZodChecks)._zod;
    if (def.check !== 'max_length') return primitiveTest(schema);
    max = Math.min(max, def.maximum);
  }
  return (value) => Array.isArray(value) && value.length <= max && value.every(test);
}

/**
 * For an object that may have further fields. Parsing drops a field `__proto__`, so an object with one does not fit.
 * The loop is over the fields of the value, because Node reads a field by a computed name fast only there.
 */
function objectTest(shape: Readonly<Record<string, Schema>>): Test {
  const fields = new Map(Object.entries(shape).map(([name, schema]) => [name, fieldTest(testOf(schema))]));
  const required = [...fields.values()].filter(({ isRequired }) => isRequired).length;
  return (value) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
    let missing = required;
    for (const name in value) {
      const field = fields.get(name);
      if (field === undefined && name !== '__proto__') continue;
      if (!field?.test((value as Fields)[name])) return false;
      if (field.isRequired) missing -= 1;
    }
    return missing === 0;
  };
}

function fieldTest(test: Test): { test: Test; isRequired: boolean } {
  return { test, isRequired: !test(undefined) };
}

/** For an object with free names. */
function recordTest(name: Schema, entry: Schema): Test {
  const [testName, testEntry] = [testOf(name), testOf(entry)];
  return (value) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
    const entries = Object.entries(value);
    return entries.every(([key, inner]) => key !== '__proto__' && testName(key) && testEntry(inner));
  };
}

/** For a union whose options are told apart by one field. */
function unionTest(schema: Schema, { discriminator, options }: z.core.$ZodDiscriminatedUnionDef): Test {
  const byName = new Map<unknown, Test>();
  for (const option of options as readonly Schema[]) {
    for (const name of option._zod.propValues?.[discriminator] ?? []) byName.set(name, testOf(option));
  }
  if (byName.size === 0) return primitiveTest(schema);
  return (value) => {
    if (typeof value !== 'object' || value === null) return false;
    return byName.get((value as Fields)[discriminator])?.(value) ?? false;
  };
}
