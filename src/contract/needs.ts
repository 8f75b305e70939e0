import { z } from 'zod';
import { fieldOf } from '../base/foreign.ts';

/**
 * The reader version of this code. Jobs and records without `needs` have version 1, the first version. Raise it
 * together with the first content that needs it.
 */
export const READER_VERSION = 3;

/** The first reader version that acts on toolsets and kinds of resources that are not built in. */
export const OWN_TOOLSETS_SINCE = 2;

/**
 * The first reader version that acts on MCP servers as toolsets, instructions and tool policies of a task, on images in
 * tool results, and on turns that edit, append to or delete files.
 */
export const TOOLS_SINCE = 3;

/**
 * Fields that change the route, money, tools, files or the result: path → first reader version that acts on the field,
 * or a function that returns it for a value.
 */
export type FieldVersions = Readonly<Record<string, number | ((value: unknown) => number)>>;

/**
 * Tools of the workspace that older workers lack. They could not make the files of such a turn again, and would
 * continue with other files.
 */
const NEW_WORKSPACE_TOOLS = ['append_file', 'edit_file', 'delete_file'];

const callsSince = (calls: unknown) =>
  Array.isArray(calls) && calls.some((call) => NEW_WORKSPACE_TOOLS.includes(Object(call).name)) ? TOOLS_SINCE : 1;

/** A reader that knows no images would leave them out of the conversation. */
const imagesSince = (results: unknown) =>
  Array.isArray(results) && results.some((result) => Object(result).images !== undefined) ? TOOLS_SINCE : 1;

const SINCE: FieldVersions = {
  'task.instructions': TOOLS_SINCE,
  'task.tool_policy': TOOLS_SINCE,
  'reply.tool_calls': callsSince,
  tool_results: imagesSince,
  'result.images': TOOLS_SINCE,
};

/** The minimum reader version that may act on a job or record. If it is absent, every reader may. */
export const Needs = z.number().int().positive().optional();

/**
 * Returns the reader version that a stored value needs: the higher of its `needs` and its `version`, at least 1. A
 * value that is not a whole number is ignored here; the schema refuses it.
 */
export function needsOf(value: unknown): number {
  return Math.max(1, wholeOf(value, 'needs'), wholeOf(value, 'version'));
}

/** Returns whether a reader of this version must leave the value to a newer one. */
export function isTooNew(value: unknown): boolean {
  return needsOf(value) > READER_VERSION;
}

/**
 * Returns `needs` for a job or record that is about to be written: the lowest reader version that may act on its
 * content. Version 1 is not written, so that plain batches keep their bytes and older readers read them. A field that
 * only informs has no entry. `also`: entries of the caller.
 */
export function needsFor(content: object, also: FieldVersions = {}): { needs?: number } {
  const versions = Object.entries({ ...SINCE, ...also }).map(([path, version]) => {
    const value = fieldAt(content, path);
    if (value === undefined) return 1;
    return typeof version === 'number' ? version : version(value);
  });
  const needs = Math.max(1, ...versions);
  return needs === 1 ? {} : { needs };
}

function fieldAt(content: object, path: string): unknown {
  return path.split('.').reduce<unknown>((value, name) => fieldOf(value, name), content);
}

function wholeOf(value: unknown, name: string): number {
  const found = fieldOf(value, name);
  return typeof found === 'number' && Number.isInteger(found) ? found : 1;
}
