import { extname } from 'node:path';
import { readJson } from '../../base/json-text.ts';
import { clip, isJson } from '../../base/text.ts';
import { tooManyTasks } from '../../base/text-fault.ts';
import type { BatchInput } from '../../contract/batch.ts';
import { type Limits, maxTextBytes } from '../../contract/limits.ts';
import { textBounds } from '../../contract/plain-json.ts';
import type { ErrandError } from '../../errors.ts';
import { readBytes } from './bytes.ts';
import { textOfBytes } from './encoding.ts';
import { batchFileInvalid, textRefused } from './refusal.ts';
import { readYaml } from './yaml-text.ts';

type Form = 'json' | 'jsonl' | 'yaml';
/** The text of the file, its name in messages, and the limits of a batch. */
type Source = { text: string; label: string; limits: Limits };

const FORMS: Record<string, Form> = {
  '.json': 'json',
  '.jsonl': 'jsonl',
  '.ndjson': 'jsonl',
  '.yaml': 'yaml',
  '.yml': 'yaml',
};
/** The number of lines that are read before other events are processed. */
const LINES_AT_A_TIME = 1_000;
const BREAK = /\r\n|\r|\n/;

/**
 * Reads a batch from a file, or from standard input if the name is `-`. A file that cannot be read without changing a
 * value is refused.
 *
 * The extension selects JSON, JSONL or YAML; if it is unknown, the content does. JSON and YAML hold a batch, or an
 * array of tasks. JSONL holds one task a line, after an optional first line `{"batch": {…}}` with the options of the
 * batch.
 *
 * @throws ErrandError `FILE_NOT_FOUND`; `BATCH_INVALID` with path and line if a value would change. The producer checks
 * the fields of the batch.
 */
export async function readBatchFile(name: string, limits: Limits): Promise<BatchInput> {
  const label = name === '-' ? 'standard input' : name;
  const text = textOfBytes(await readBytes(name, label, maxTextBytes(limits)), label);
  if (text.trim() === '')
    throw batchFileInvalid(label, 'expected a batch, got an empty file', `Write a batch to ${label}.`);
  const value = await parse({ text, label, limits }, FORMS[extname(name).toLowerCase()] ?? formOf(text));
  // The producer validates every field.
  return (Array.isArray(value) ? { tasks: value } : value) as BatchInput;
}

/**
 * Guesses the form: JSON begins with a bracket, YAML rarely does. The first line of JSONL is a whole value with lines
 * after it.
 */
function formOf(text: string): Form {
  const lines = text.trim().split(BREAK, 2);
  if (!/^[{[]/.test(lines[0] ?? '')) return 'yaml';
  return lines.length > 1 && isJson(lines[0] ?? '') ? 'jsonl' : 'json';
}

async function parse(source: Source, form: Form): Promise<unknown> {
  if (form === 'jsonl') return parseLines(source);
  const { text, label, limits } = source;
  const bounds = { ...textBounds(limits), maxDepth: limits.max_depth + 2 };
  const isJsonText = form === 'json';
  const isList = /^\s*\[/.test(text);
  const reading = isJsonText
    ? await readJson(text, { ...bounds, root: isList ? 'tasks' : '' })
    : readYaml(text, bounds, label);
  if (reading.status === 'read') return reading.value;
  throw textRefused({ label, form: isJsonText ? 'JSON' : 'YAML', text, ...reading });
}

async function parseLines(source: Source): Promise<object> {
  const tasks: unknown[] = [];
  let options: object | null | undefined;
  for (const line of linesIn(source.text)) {
    if (options !== undefined && tasks.length >= source.limits.max_tasks) throw tooManyLines(source, line);
    if (line.number % LINES_AT_A_TIME === 0) await new Promise((resolve) => setImmediate(resolve));
    const value = await parseLine(source, line, `tasks[${tasks.length}]`);
    if (options === undefined) {
      options = batchOptionsIn(value, line.number, source.label);
      if (options) continue;
    }
    tasks.push(value);
  }
  return { ...options, tasks };
}

type Line = { text: string; number: number };

function tooManyLines({ label, limits }: Source, { text, number: firstLine }: Line): ErrandError {
  const fault = { path: 'tasks', at: 0, what: tooManyTasks(limits.max_tasks) };
  return textRefused({ label, form: 'JSON', text, firstLine, isSyntax: false, faults: [fault] });
}

/** Yields the lines of a text that are not blank. */
function* linesIn(text: string): Generator<Line> {
  let start = 0;
  for (let number = 1; start <= text.length; number++) {
    const end = /\r\n|\r|\n|$/g;
    end.lastIndex = start;
    const at = end.exec(text);
    const line = text.slice(start, at?.index);
    if (line.trim() !== '') yield { text: line, number };
    start = end.lastIndex + (at?.[0] === '' ? 1 : 0);
  }
}

async function parseLine({ label, limits }: Source, { text, number }: Line, root: string): Promise<unknown> {
  const reading = await readJson(text, { ...textBounds(limits), maxDepth: limits.max_depth + 1, root });
  if (reading.status === 'read') return reading.value;
  throw textRefused({ label, form: 'JSON', text, firstLine: number, ...reading });
}

/** Returns the options in a first line. Refuses tasks in that line, because they would be lost. */
function batchOptionsIn(value: unknown, number: number, label: string): object | null {
  if (typeof value !== 'object' || value === null || !('batch' in value)) return null;
  const { batch, ...others } = value;
  if (typeof batch !== 'object' || batch === null || Array.isArray(batch)) return null;
  const remedy = `Fix line ${number} of ${label}: put the options into "batch", and each task on its own line.`;
  const refused = (what: string): ErrandError => batchFileInvalid(`${label}, line ${number}`, what, remedy);
  const [other] = Object.keys(others);
  if (other !== undefined) throw refused(`expected "batch" alone, got "${clip(other, 60)}" beside it`);
  if ('tasks' in batch) throw refused('expected the options of the batch, got "tasks" among them');
  return batch;
}
