import { readFile } from 'node:fs/promises';
import { extname } from 'node:path';
import { text as readAll } from 'node:stream/consumers';
import { parse as parseYaml } from 'yaml';
import type { BatchInput } from '../contract/batch.ts';
import { ErrandError, messageOf } from '../errors.ts';

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
 * @throws ErrandError `BATCH_INVALID` where it cannot be read, naming the line. Whether it is a batch, enqueueing tells.
 */
export async function readBatchFile(name: string): Promise<BatchInput> {
  const label = name === '-' ? 'standard input' : name;
  const content = await contentOf(name, label);
  if (content.trim() === '') throw invalid(label, 'expected a batch, got nothing');
  const value = parse(content, FORMS[extname(name).toLowerCase()] ?? formOf(content), label);
  // Only the producer can tell whether this is a batch; it validates every field.
  return (Array.isArray(value) ? { tasks: value } : value) as BatchInput;
}

async function contentOf(name: string, label: string): Promise<string> {
  try {
    const content = name === '-' ? await readAll(process.stdin) : await readFile(name, 'utf8');
    return content.replace(/^\uFEFF/, '');
  } catch (error) {
    throw invalid(label, `cannot be read: ${messageOf(error)}`, error);
  }
}

/** JSON begins with a bracket, YAML hardly ever does; in JSONL the first line is whole by itself and others follow. */
function formOf(content: string): Form {
  const lines = content.trim().split('\n', 2);
  if (!/^[{[]/.test(lines[0] ?? '')) return 'yaml';
  return lines.length > 1 && isJson(lines[0] ?? '') ? 'jsonl' : 'json';
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function parse(content: string, form: Form, label: string): unknown {
  if (form === 'jsonl') return parseLines(content, label);
  try {
    return form === 'json' ? JSON.parse(content) : parseYaml(content);
  } catch (error) {
    throw invalid(label, `is not ${form === 'json' ? 'JSON' : 'YAML'}: ${messageOf(error)}`, error);
  }
}

function parseLines(content: string, label: string): object {
  const values = content
    .split('\n')
    .map((line, at) => ({ line, number: at + 1 }))
    .filter(({ line }) => line.trim() !== '')
    .map(({ line, number }) => parseLine(line, `${label}, line ${number}`));
  const options = optionsIn(values[0]);
  return options ? { ...options, tasks: values.slice(1) } : { tasks: values };
}

function parseLine(line: string, label: string): unknown {
  try {
    return JSON.parse(line);
  } catch (error) {
    throw invalid(label, `is not JSON: ${messageOf(error)}`, error);
  }
}

function optionsIn(first: unknown): object | null {
  if (typeof first !== 'object' || first === null || !('batch' in first)) return null;
  return typeof first.batch === 'object' ? first.batch : null;
}

function invalid(label: string, what: string, cause?: unknown): ErrandError {
  return new ErrandError('BATCH_INVALID', `${label}: ${what}`, { cause });
}
