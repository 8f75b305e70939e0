import { extname } from 'node:path';
import { readJson } from '../../base/json-text.ts';
import { clip, isJson } from '../../base/text.ts';
import type { BatchInput } from '../../contract/batch.ts';
import { type Limits, maxTextBytes } from '../../contract/limits.ts';
import { MAX_FIELDS } from '../../contract/plain-json.ts';
import type { ErrandError } from '../../errors.ts';
import { readBytes } from './bytes.ts';
import { textOfBytes } from './encoding.ts';
import { batchFileInvalid, textRefused } from './refusal.ts';
import { readYaml } from './yaml-text.ts';

type Form = 'json' | 'jsonl' | 'yaml';
/** A text of the file with what it is read for. */
type Source = { text: string; label: string; limits: Limits };

const FORMS: Record<string, Form> = {
  '.json': 'json',
  '.jsonl': 'jsonl',
  '.ndjson': 'jsonl',
  '.yaml': 'yaml',
  '.yml': 'yaml',
};
const BREAK = /\r\n|\r|\n/;

/**
 * Reads a batch from a file, or from standard input if the name is `-`. Its values equal the file, or the file is refused.
 *
 * The extension tells JSON, JSONL and YAML apart; without a known one the content does. JSON and YAML hold a batch, or an
 * array of tasks. JSONL holds one task a line, after an optional first line `{"batch": {…}}` with the batch's options.
 *
 * @throws ErrandError `FILE_NOT_FOUND`; `BATCH_INVALID` with path and line if the file cannot be read without a change. The
 * producer checks whether it is a batch.
 */
export async function readBatchFile(name: string, limits: Limits): Promise<BatchInput> {
  const label = name === '-' ? 'standard input' : name;
  const text = textOfBytes(await readBytes(name, label, maxTextBytes(limits)), label);
  if (text.trim() === '') throw batchFileInvalid(label, 'expected a batch, got nothing', `Write a batch to ${label}.`);
  const value = await parse({ text, label, limits }, FORMS[extname(name).toLowerCase()] ?? formOf(text));
  // Only the producer can tell whether this is a batch; it validates every field.
  return (Array.isArray(value) ? { tasks: value } : value) as BatchInput;
}

/** JSON begins with a bracket, YAML hardly ever does; in JSONL the first line is whole by itself and others follow. */
function formOf(text: string): Form {
  const lines = text.trim().split(BREAK, 2);
  if (!/^[{[]/.test(lines[0] ?? '')) return 'yaml';
  return lines.length > 1 && isJson(lines[0] ?? '') ? 'jsonl' : 'json';
}

async function parse(source: Source, form: Form): Promise<unknown> {
  if (form === 'jsonl') return parseLines(source);
  const { text, label, limits } = source;
  const bounds = { maxDepth: limits.max_depth + 2, levels: limits.max_depth, maxFields: MAX_FIELDS };
  const isJsonText = form === 'json';
  const isList = /^\s*\[/.test(text);
  const reading = isJsonText
    ? await readJson(text, { ...bounds, root: isList ? 'tasks' : '' })
    : readYaml(text, bounds, label);
  if (reading.status === 'read') return reading.value;
  throw textRefused({ label, form: isJsonText ? 'JSON' : 'YAML', text, ...reading });
}

async function parseLines(source: Source): Promise<object> {
  const [first, ...others] = source.text
    .split(BREAK)
    .map((text, at) => ({ text, number: at + 1 }))
    .filter(({ text }) => text.trim() !== '');
  if (!first) return { tasks: [] };
  const head = await parseLine(source, first, 'tasks[0]');
  const options = batchOptionsIn(head, first.number, source.label);
  const tasks: unknown[] = options ? [] : [head];
  for (const line of others) tasks.push(await parseLine(source, line, `tasks[${tasks.length}]`));
  return { ...options, tasks };
}

type Line = { text: string; number: number };

async function parseLine({ label, limits }: Source, { text, number }: Line, root: string): Promise<unknown> {
  const levels = limits.max_depth;
  const reading = await readJson(text, { maxDepth: levels + 1, levels, maxFields: MAX_FIELDS, root });
  if (reading.status === 'read') return reading.value;
  throw textRefused({ label, form: 'JSON', text, firstLine: number, ...reading });
}

/** The options in a first line; a task, or tasks, beside them or among them would be lost. */
function batchOptionsIn(value: unknown, number: number, label: string): object | null {
  if (typeof value !== 'object' || value === null || !('batch' in value)) return null;
  const { batch, ...others } = value;
  if (typeof batch !== 'object' || batch === null || Array.isArray(batch)) return null;
  const remedy = `Fix line ${number} of ${label}: options go into "batch", each task onto a line of its own.`;
  const refused = (what: string): ErrandError => batchFileInvalid(`${label}, line ${number}`, what, remedy);
  const [other] = Object.keys(others);
  if (other !== undefined) throw refused(`expected "batch" alone, got "${clip(other, 60)}" beside it`);
  if ('tasks' in batch) throw refused('expected the options of the batch, got "tasks" among them');
  return batch;
}
