import { readJson } from '../base/json-text.ts';
import { placeIn } from '../base/place.ts';
import { type Findings, indexIn } from './findings.ts';
import { type Limits, maxTextBytes } from './limits.ts';
import { MAX_FIELDS, typeOf } from './plain-json.ts';

/** `tasks` may come as the JSON text of an array, because models often write it so. */
export async function tasksOf(given: unknown, limits: Limits, findings: Findings): Promise<unknown[] | undefined> {
  const tasks = typeof given === 'string' ? await tasksIn(given, limits, findings) : given;
  if (tasks === undefined) return [];
  if (Array.isArray(tasks)) return tasks;
  const got = typeof given === 'string' ? `a string that holds JSON of type ${typeOf(tasks)}` : typeOf(tasks);
  findings.add('tasks', `expected an array of tasks, got ${got}`);
  return undefined;
}

/** @throws ErrandError `BATCH_INVALID` if the text is not JSON, or JSON that would be changed. */
async function tasksIn(text: string, limits: Limits, findings: Findings): Promise<unknown> {
  const max = maxTextBytes(limits);
  if (text.length > max) findings.add('tasks', `expected at most ${max} bytes of text, got ${text.length} characters`);
  if (text.trim() === '') findings.add('tasks', 'expected an array of tasks, got an empty string');
  findings.throwIfAny();
  const levels = limits.max_depth;
  const reading = await readJson(text, { maxDepth: levels + 1, levels, maxFields: MAX_FIELDS, root: 'tasks' });
  if (reading.status === 'read') return reading.value;
  for (const { path, at, what } of reading.faults) {
    const { line, column } = placeIn(text, at);
    // Nothing of the text is repeated but names of fields: it may hold a secret.
    const place = `line ${line}, column ${column} of the text`;
    if (!reading.isSyntax) findings.add(path, `${what} (${place})`, indexIn(path));
    else findings.add('tasks', `expected an array of tasks, got a string that is not JSON: ${what} at ${place}`);
  }
  return findings.throwIfAny();
}
