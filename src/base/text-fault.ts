import type { Place } from './place.ts';
import { clip } from './text.ts';

/** One thing wrong with a text: the path of the value, the index in the text and its place if it is known, and what was expected. */
export type TextFault = { path: string; at: number; place?: Place; what: string };

/** A value that equals its text, or what keeps it from that. `isSyntax`: the text is not of its form at all. */
export type TextReading =
  | { status: 'read'; value: unknown }
  | { status: 'refused'; isSyntax: boolean; faults: [TextFault, ...TextFault[]] };

/**
 * The maximum nesting of a text, the maximum number of fields of one object, of tasks, and of values in one task or beside
 * the tasks, and the path of the whole. `levels`: the nesting that is allowed within a task, which a message names.
 */
export type TextBounds = {
  maxDepth: number;
  levels: number;
  maxFields: number;
  maxTasks: number;
  maxValues: number;
  root: string;
};

/** The maximum number of faults of one text. */
export const MAX_FAULTS = 100;
/** Says that a text has half of a character, which no store of UTF-8 keeps. */
export const HALF_CHARACTER = 'expected whole characters, got half of a surrogate pair';
/** Says that an object has two fields of one name, of which a reader would drop one. */
export const GIVEN_TWICE = 'the field is given twice';
/** Says that a field has the name that would change its object instead. */
export const PROTO_KEY = 'the key "__proto__" is refused';

/** The path of a field: `tasks[3].metadata` and `id` make `tasks[3].metadata.id`. A long name is clipped. */
export function fieldPath(at: string, name: string): string {
  const clipped = clip(name, 60); // every field of every task passes here
  if (at === '' || clipped === '') return at + clipped;
  return `${at}.${clipped}`;
}

/** Says that a value is nested deeper than allowed. */
export function tooDeep(max: number): string {
  return `nested deeper than ${max} levels (limits.max_depth)`;
}

/** Says that an object has more fields than allowed. */
export function tooManyFields(max: number): string {
  return `expected at most ${max} fields in one object, got more`;
}

/** Says that a batch has more tasks than allowed. */
export function tooManyTasks(max: number, got: number | 'more' = 'more'): string {
  return `expected at most ${max} tasks (limits.max_tasks), got ${got}; split them over several batches`;
}

/** Says that a task, or a batch beside its tasks, has more values than allowed. */
export function tooManyValues(max: number): string {
  return `expected at most ${max} values in one task, or beside the tasks, got more`;
}

/** Says that a text is longer than any that a job holds. */
export function tooLong(max: number): string {
  return `expected a text of at most ${max} characters, got more`;
}
