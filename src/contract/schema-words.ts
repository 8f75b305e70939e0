import { z } from 'zod';
import { nearestOf } from '../base/likeness.ts';
import { clip, counted, quoted } from '../base/text.ts';
import { typeOf } from './plain-json.ts';

type Issue = z.core.$ZodRawIssue;

/**
 * The noun for a name in an object: a setting of a configuration, an option of a call, an argument of a tool, else a
 * field.
 */
export type Noun = 'setting' | 'option' | 'argument' | 'field';

const MAX_NAME = 60;
/** More types than this are not listed: such a schema takes any JSON. */
const MAX_TYPES = 4;
const NAMED_TYPES: Readonly<Record<string, string>> = {
  int: 'a whole number',
  nan: 'NaN',
  boolean: 'true or false',
  record: 'an object',
  array: 'a list',
  tuple: 'a list',
  null: 'null',
  undefined: 'nothing',
};
const NAMED_FORMATS: Readonly<Record<string, string>> = {
  datetime: 'a time in UTC, such as 2026-01-31T09:30:00Z',
  url: 'a URL',
};
/** What is counted in a value that has a size. */
const UNITS: Readonly<Record<string, string>> = { string: 'character', array: 'item', set: 'item', map: 'entry' };
/** A text in the place of a value of these types is repeated. In other places it may be a secret. */
const QUOTED_FOR: ReadonlySet<string> = new Set(['number', 'int', 'boolean']);

/** Parameters of `parse` and `safeParse` that set the words of problems. */
export type InWords = { error: (issue: z.core.$ZodRawIssue) => string };

/**
 * Returns parameters of `parse` and `safeParse` with which a schema reports problems in the words of Errand: "expected
 * …, got …", "is missing; expected …" or "unknown setting …; did you mean …?". The messages of a schema itself win.
 * Every parse whose problems a person or a model reads uses these parameters. They are not set for all schemas of the
 * process, because a program that uses the library has schemas of its own.
 */
export function inWords(noun: Noun): InWords {
  return { error: (issue) => wordsOf(issue, noun) };
}

/** Formats the problems that a schema found, each with its path. `what` names the whole value. */
export function problemTexts(issues: readonly z.core.$ZodIssue[], what: string): string[] {
  return issues.map(({ path, message }) => `${path.map(String).join('.') || what}: ${message}`);
}

/** Names a value in the end of a sentence such as "expected a string, got a list". A text is not repeated. */
export function gotNamed(input: unknown): string {
  return gotBy({ code: 'invalid_type', input });
}

/** Tells whether a schema takes whole numbers only. */
export function isWhole(schema: unknown): boolean {
  return schema instanceof z.ZodNumber && schema.isInt;
}

function wordsOf(issue: Issue, noun: Noun): string {
  if (issue.code === 'unrecognized_keys') return unknownNames(issue.keys, namesIn(issue.inst), noun);
  if (issue.code === 'invalid_key') return `wrong name: ${messagesOf(issue.issues)}`;
  if (issue.code === 'invalid_element') return `wrong entry ${namedKey(issue.key)}: ${messagesOf(issue.issues)}`;
  if (issue.code === 'invalid_union') return ofUnion(issue);
  return said(expectedBy(issue, noun), issue);
}

function said(expected: string, got: Got): string {
  return got.input === undefined ? `is missing; expected ${expected}` : `expected ${expected}, got ${gotBy(got)}`;
}

function expectedBy(issue: Issue, noun: Noun): string {
  switch (issue.code) {
    case 'invalid_type':
      return isWhole(issue.inst) ? typeNamed('int') : typeNamed(issue.expected);
    case 'invalid_value':
      return oneOf(issue.values);
    case 'too_small':
      return bounded(issue, issue.minimum, issue.inclusive === false ? 'above' : 'of at least');
    case 'too_big':
      return bounded(issue, issue.maximum, issue.inclusive === false ? 'below' : 'of at most');
    case 'not_multiple_of':
      return `a multiple of ${issue.divisor}`;
    case 'invalid_format':
      return formNamed(issue);
    default:
      return `another value for this ${noun}`;
  }
}

/** A number and its bound, or the size of a string or a list and its bound. */
function bounded(issue: { origin: string; exact?: boolean }, bound: number | bigint, relation: string): string {
  const unit = UNITS[issue.origin];
  if (unit === undefined) return `${issue.origin === 'int' ? 'a whole number' : 'a number'} ${relation} ${bound}`;
  const size = `${issue.exact ? 'of exactly' : relation} ${counted(Number(bound), unit)}`;
  return `${issue.origin === 'string' ? 'a string' : 'a list'} ${size}`;
}

function formNamed({ format, pattern }: { format: string; pattern?: string }): string {
  if (format === 'regex' && pattern !== undefined) return `a string that matches ${pattern}`;
  return NAMED_FORMATS[format] ?? `a string of the form "${format}"`;
}

type UnionIssue = Extract<Issue, { code: 'invalid_union' }>;

/**
 * What is wrong in the one branch that takes the type of the value; else the types, or the values that choose a branch.
 */
function ofUnion({ inst, input, errors }: UnionIssue): string {
  if (inst instanceof z.core.$ZodDiscriminatedUnion) {
    const name = inst._zod.def.discriminator;
    const values = [...(inst._zod.propValues[name] ?? [])];
    const chosen: unknown = typeOf(input) === 'object' ? Reflect.get(Object(input), name) : input;
    return said(oneOf(values), { code: 'invalid_value', input: chosen });
  }
  const firsts = errors.flatMap(([first]) => first ?? []);
  const types = firsts.flatMap((first) =>
    first.code === 'invalid_type' && first.path.length === 0 ? [first.expected] : [],
  );
  const [branch, another] = firsts.filter((first) => first.code !== 'invalid_type' || first.path.length > 0);
  if (branch && !another) return [...branch.path.map(String), branch.message].join(': ');
  const named = [...new Set(types)].map(typeNamed);
  const isAny = another !== undefined || named.length > MAX_TYPES;
  const expected = isAny ? 'plain JSON' : [named.slice(0, -1).join(', '), named.at(-1)].filter(Boolean).join(' or ');
  return said(expected, { code: 'invalid_type', input });
}

type Got = Pick<Issue, 'code' | 'input'> & { expected?: unknown };

/** What came. A string is quoted only in the place of a number or of one of a few words; else its length is given. */
function gotBy({ code, input, expected }: Got): string {
  if (typeof input === 'number' || typeof input === 'boolean') return String(input);
  if (typeof input === 'string') {
    if (code === 'invalid_value' || QUOTED_FOR.has(String(expected))) return quoted(input);
    return code === 'invalid_type' ? typeNamed('string') : counted(input.length, 'character');
  }
  if (code !== 'invalid_type' && Array.isArray(input)) return counted(input.length, 'item');
  return typeNamed(typeOf(input));
}

function typeNamed(type: string): string {
  return NAMED_TYPES[type] ?? `${/^[aeiou]/.test(type) ? 'an' : 'a'} ${type}`;
}

function oneOf(values: readonly unknown[]): string {
  const names = values.map((value) => (typeof value === 'string' ? value : JSON.stringify(value)));
  return names.length === 1 ? (names[0] ?? '') : `one of ${names.join(', ')}`;
}

function messagesOf(issues: readonly { message: string }[]): string {
  return issues.map(({ message }) => message).join(', ');
}

function namedKey(key: unknown): string {
  return typeof key === 'string' || typeof key === 'number' ? quoted(String(key)) : `of ${typeNamed(typeOf(key))}`;
}

/** The names that an object may have; of a record with fixed names there is no shape. */
function namesIn(schema: Issue['inst']): string[] {
  return schema && 'shape' in schema ? Object.keys(Object(schema.shape)) : [];
}

function unknownNames(unknown: readonly string[], known: readonly string[], noun: Noun): string {
  const named = unknown.map((name) => JSON.stringify(clip(name, MAX_NAME))).join(', ');
  return `unknown ${noun}${unknown.length === 1 ? '' : 's'} ${named}${knownNames(unknown, known)}`;
}

/** The end of a sentence about unknown names: the known names that are like them, then all of them. */
export function knownNames(unknown: readonly string[], known: readonly string[]): string {
  if (known.length === 0) return '';
  const near = [...new Set(unknown.flatMap((name) => nearestOf(name, known) ?? []))];
  const guess = near.length === 0 ? '; known' : `; did you mean ${near.join(' and ')}? Known`;
  return `${guess}: ${known.join(', ')}`;
}
