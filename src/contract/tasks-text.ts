import { readJson } from '../base/json-text.ts';
import { placeIn } from '../base/place.ts';
import { tooManyTasks } from '../base/text-fault.ts';
import { type Findings, indexIn } from './findings.ts';
import { type Limits, maxTextBytes } from './limits.ts';
import { CANNOT_BE_READ, isList, textBounds } from './plain-json.ts';
import { gotNamed } from './schema-words.ts';

/**
 * Returns the tasks of a batch in a new list; the list is empty if there are no tasks. Returns `undefined` and adds a
 * problem if `tasks` is not a list. `tasks` may come as the JSON text of an array, because models often write it so.
 *
 * @throws ErrandError `BATCH_INVALID` if there are more than `max_tasks`, before it looks at any.
 */
export async function tasksOf(given: unknown, limits: Limits, findings: Findings): Promise<unknown[] | undefined> {
  const tasks = typeof given === 'string' ? await tasksIn(given, limits, findings) : given;
  if (tasks === undefined) return [];
  if (isList(tasks)) return itemsOf(tasks, limits, findings);
  const got = typeof given === 'string' ? `a string that holds the JSON of ${gotNamed(tasks)}` : gotNamed(tasks);
  findings.add('tasks', `expected an array of tasks, got ${got}`);
  return undefined;
}

/** Reads the length and each item once, because a proxy can answer differently later. */
function itemsOf(tasks: readonly unknown[], { max_tasks: max }: Limits, findings: Findings): unknown[] {
  const items: unknown[] = [];
  try {
    const { length } = tasks;
    if (length > max) findings.add('tasks', tooManyTasks(max, length));
    else for (let at = 0; at < length; at++) items.push(tasks[at]);
  } catch {
    findings.add('tasks', CANNOT_BE_READ);
  }
  findings.throwIfAny();
  return items;
}

/** @throws ErrandError `BATCH_INVALID` if the text is not JSON, or JSON that would be changed. */
async function tasksIn(text: string, limits: Limits, findings: Findings): Promise<unknown> {
  const max = maxTextBytes(limits);
  if (text.length > max) findings.add('tasks', `expected at most ${max} bytes of text, got ${text.length} characters`);
  findings.throwIfAny();
  if (text.trim() === '') findings.add('tasks', 'expected an array of tasks, got an empty string');
  findings.throwIfAny();
  const reading = await readJson(text, { ...textBounds(limits), maxDepth: limits.max_depth + 1, root: 'tasks' });
  if (reading.status === 'read') return reading.value;
  for (const { path, at, place: known, what } of reading.faults) {
    const { line, column } = known ?? placeIn(text, at);
    // Only names of fields are repeated, because the text may contain a secret.
    const place = `line ${line}, column ${column} of the text`;
    if (!reading.isSyntax) findings.add(path, `${what} (${place})`, indexIn(path));
    else findings.add('tasks', `expected an array of tasks, got a string that is not JSON: ${what} at ${place}`);
  }
  return findings.throwIfAny();
}
