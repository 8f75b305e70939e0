import type { z } from 'zod';
import { clip, counted, quoted } from '../base/text.ts';
import { typeOf } from '../contract/plain-json.ts';

type Issue = z.core.$ZodRawIssue;

const MAX_NAME = 60;
const NAMED_TYPES: Readonly<Record<string, string>> = {
  int: 'a whole number',
  record: 'an object',
  array: 'a list',
  tuple: 'a list',
  null: 'null',
};
/** What is counted in a value that has a size. */
const UNITS: Readonly<Record<string, string>> = { string: 'character', array: 'item', set: 'item', map: 'entry' };

/**
 * Parameters of `safeParse` with which a schema says what it found in our words: "expected …, got …", "missing: expected …" or
 * "unknown setting …; expected one of …". A schema's own words win. `noun` names what has an unknown name.
 */
export function inWords(noun: 'setting' | 'option'): { error: (issue: Issue) => string } {
  return { error: (issue) => wordsOf(issue, noun) };
}

function wordsOf(issue: Issue, noun: string): string {
  if (issue.code === 'unrecognized_keys') return unknownNames(issue.keys, namesIn(issue.inst), noun);
  const expected = expectedBy(issue, noun);
  return issue.input === undefined ? `missing: expected ${expected}` : `expected ${expected}, got ${gotBy(issue)}`;
}

function expectedBy(issue: Issue, noun: string): string {
  switch (issue.code) {
    case 'invalid_type':
      return typeNamed(issue.expected);
    case 'invalid_value':
      return oneOf(issue.values.map((value) => (typeof value === 'string' ? value : JSON.stringify(value))));
    case 'too_small':
      return bounded(issue, issue.minimum, issue.inclusive === false ? 'above' : 'at least');
    case 'too_big':
      return bounded(issue, issue.maximum, issue.inclusive === false ? 'below' : 'at most');
    case 'not_multiple_of':
      return `a multiple of ${issue.divisor}`;
    case 'invalid_format':
      return issue.format === 'regex' ? `a text that matches ${issue.pattern}` : `a text of the form "${issue.format}"`;
    case 'invalid_union':
      return 'plain JSON of one of the documented forms';
    case 'invalid_key':
      return `another name: ${issue.issues.map(({ message }) => message).join(', ')}`;
    default:
      return `another value for this ${noun}`;
  }
}

/** A number and its bound, or the size of a text or a list and its bound. */
function bounded(issue: { origin: string; exact?: boolean }, bound: number | bigint, relation: string): string {
  const unit = UNITS[issue.origin];
  const by = issue.exact ? 'exactly' : relation;
  if (unit === undefined) return issue.origin === 'int' ? `a whole number ${by} ${bound}` : `a number ${by} ${bound}`;
  return `${issue.origin === 'string' ? 'a text' : 'a list'} of ${by} ${counted(Number(bound), unit)}`;
}

/** What came. Of a text only its length or, if one of a few words was expected, the text itself if it is short. */
function gotBy({ code, input }: Issue): string {
  if (typeof input === 'number') return String(input);
  if (code === 'invalid_value' && typeof input === 'string') return quoted(input);
  if (code !== 'invalid_type' && typeof input === 'string') return counted(input.length, 'character');
  if (code !== 'invalid_type' && Array.isArray(input)) return counted(input.length, 'item');
  return typeNamed(typeOf(input));
}

function typeNamed(type: string): string {
  return NAMED_TYPES[type] ?? `${/^[aeiou]/.test(type) ? 'an' : 'a'} ${type}`;
}

function oneOf(names: readonly string[]): string {
  return names.length === 1 ? (names[0] ?? '') : `one of ${names.join(', ')}`;
}

/** The names that an object may have; of a record with fixed names there is no shape. */
function namesIn(schema: Issue['inst']): string[] {
  return schema && 'shape' in schema ? Object.keys(Object(schema.shape)) : [];
}

function unknownNames(unknown: readonly string[], known: readonly string[], noun: string): string {
  const named = unknown.map((name) => JSON.stringify(clip(name, MAX_NAME))).join(', ');
  const said = `unknown ${noun}${unknown.length === 1 ? '' : 's'} ${named}`;
  return known.length === 0 ? said : `${said}; expected ${oneOf(nearestFirst(unknown, known))}`;
}

/** The known names, those most like an unknown one first; others keep their order. */
function nearestFirst(unknown: readonly string[], known: readonly string[]): string[] {
  const likeness = (name: string) => Math.max(...unknown.map((other) => likenessOf(clip(other, MAX_NAME), name)));
  const rated = known.map((name) => ({ name, like: likeness(name) }));
  return rated.sort((a, b) => b.like - a.like).map(({ name }) => name);
}

/** The share of letters and pairs of letters that two names have in common, 0 to 1; below 0.6 it counts as 0. */
function likenessOf(a: string, b: string): number {
  const [ofA, ofB] = [partsOf(a), partsOf(b)];
  const shared = [...ofA].filter((part) => ofB.has(part)).length;
  const share = (2 * shared) / (ofA.size + ofB.size || 1);
  return share < 0.6 ? 0 : share;
}

/** The letters, and the pairs of neighbours: two letters that changed places leave the letters as they were. */
function partsOf(name: string): Set<string> {
  const letters = [...name.toLowerCase().replaceAll(/[^a-z0-9]/g, '')];
  return new Set([...letters, ...letters.slice(1).map((letter, at) => `${letters[at]}${letter}`)]);
}
