import type { Place } from './place.ts';
import { clip } from './text.ts';

/** One fault of a text: the path of the value, its index in the text, its place if known, and what was expected. */
export type TextFault = { path: string; at: number; place?: Place; what: string };

/** The value of a text, or the faults of the text. `isSyntax`: the text is not valid JSON or YAML. */
export type TextReading =
  | { status: 'read'; value: unknown }
  | { status: 'refused'; isSyntax: boolean; faults: [TextFault, ...TextFault[]] };

/**
 * The limits of a text. `maxDepth`: nesting of the text. `levels`: nesting within a task, which messages name.
 * `maxFields`: fields of one object. `maxTasks`: tasks. `maxValues`: values in one task, or beside the tasks. `root`:
 * the path of the whole text.
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
/** Says that a text has half of a character, which UTF-8 cannot store. */
export const HALF_CHARACTER = 'expected whole characters, got half of a surrogate pair';
/** Says that an object has two fields of one name. A reader would drop one of them. */
export const GIVEN_TWICE = 'the field is given twice';
/** Says that a field is named `__proto__`, which would change the object itself. */
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

/** Says that a text is longer than a job can hold. */
export function tooLong(max: number): string {
  return `expected a text of at most ${max} characters, got more`;
}
