import { readFile } from 'node:fs/promises';
import { extname } from 'node:path';
import { text as readAll } from 'node:stream/consumers';
import { parse as parseYaml } from 'yaml';
import { clip, isJson } from '../base/text.ts';
import type { BatchInput } from '../contract/batch.ts';
import { ErrandError, messageOf } from '../errors.ts';
import { cannotRead } from './cannot-read.ts';
import { faultText, jsonFault, yamlFault } from './syntax.ts';

type Form = 'json' | 'jsonl' | 'yaml';

const FORMS: Record<string, Form> = {
  '.json': 'json',
  '.jsonl': 'jsonl',
  '.ndjson': 'jsonl',
  '.yaml': 'yaml',
  '.yml': 'yaml',
};

/**
 * Reads a batch from a file, or from standard input where the name is `-`.
 *
 * The ending tells JSON, JSONL and YAML apart; without a known one the content does. JSON and YAML hold a batch, or an
 * array of tasks. JSONL holds one task a line, after an optional first line `{"batch": {…}}` with the batch's options.
 *
 * @throws ErrandError `FILE_NOT_FOUND`; `BATCH_INVALID` where it cannot be read, naming the line. Whether it is a batch, enqueueing tells.
 */
export async function readBatchFile(name: string): Promise<BatchInput> {
  const label = name === '-' ? 'standard input' : name;
  const content = await contentOf(name, label);
  if (content.trim() === '') throw invalid(label, 'expected a batch, got nothing', `Write a batch to ${label}.`);
  const value = parse(content, FORMS[extname(name).toLowerCase()] ?? formOf(content), label);
  // Only the producer can tell whether this is a batch; it validates every field.
  return (Array.isArray(value) ? { tasks: value } : value) as BatchInput;
}

async function contentOf(name: string, label: string): Promise<string> {
  try {
    const content = name === '-' ? await readAll(process.stdin) : await readFile(name, 'utf8');
    return content.replace(/^\uFEFF/, '');
  } catch (error) {
    const missing = name === '-' ? null : cannotRead(name, error);
    if (missing) throw missing;
    throw invalid(label, `cannot be read: ${messageOf(error)}`, 'Check its name, and that it may be read.');
  }
}

/** JSON begins with a bracket, YAML hardly ever does; in JSONL the first line is whole by itself and others follow. */
function formOf(content: string): Form {
  const lines = content.trim().split('\n', 2);
  if (!/^[{[]/.test(lines[0] ?? '')) return 'yaml';
  return lines.length > 1 && isJson(lines[0] ?? '') ? 'jsonl' : 'json';
}

function parse(content: string, form: Form, label: string): unknown {
  if (form === 'jsonl') return parseLines(content, label);
  try {
    return form === 'json' ? JSON.parse(content) : parseYaml(content, { logLevel: 'error' });
  } catch (error) {
    const fault = form === 'json' ? jsonFault(content) : yamlFault(error);
    const what = `is not ${form === 'json' ? 'JSON' : 'YAML'}: ${faultText(fault)}`;
    throw invalid(label, what, `Fix ${fault.place ? `line ${fault.place.line} of ` : ''}${label}.`);
  }
}

function parseLines(content: string, label: string): object {
  const lines = content
    .split('\n')
    .map((text, at) => ({ text, number: at + 1 }))
    .filter(({ text }) => text.trim() !== '')
    .map(({ text, number }) => ({ value: parseLine(text, number, label), number }));
  const [first, ...rest] = lines;
  const options = first && optionsIn(first.value, first.number, label);
  return options ? { ...options, tasks: rest.map(({ value }) => value) } : { tasks: lines.map(({ value }) => value) };
}

function parseLine(text: string, number: number, label: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    const { what, place } = jsonFault(text);
    throw invalid(
      `${label}, line ${number}`,
      `is not JSON: ${what} at column ${place?.column}`,
      `Fix line ${number} of ${label}.`,
    );
  }
}

/** The options in a first line; a task, or tasks, beside them or among them would be lost. */
function optionsIn(value: unknown, number: number, label: string): object | null {
  if (typeof value !== 'object' || value === null || !('batch' in value)) return null;
  const { batch, ...others } = value;
  if (typeof batch !== 'object' || batch === null || Array.isArray(batch)) return null;
  const at = `${label}, line ${number}`;
  const remedy = `Fix line ${number} of ${label}: options go into "batch", each task onto a line of its own.`;
  const [other] = Object.keys(others);
  if (other !== undefined) throw invalid(at, `expected "batch" alone, got "${clip(other, 60)}" beside it`, remedy);
  if ('tasks' in batch) throw invalid(at, 'expected the options of the batch, got "tasks" among them', remedy);
  return batch;
}

function invalid(label: string, what: string, remedy: string): ErrandError {
  return new ErrandError('BATCH_INVALID', `${label}: ${what}`, { remedy });
}
