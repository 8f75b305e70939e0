import { hash } from 'node:crypto';
import { type Prompt, promptOf } from '../agent/prompt.ts';
import type { Tools } from '../agent/tools.ts';
import { routeKey } from '../contract/route.ts';
import type { TaskJob } from '../contract/task.ts';
import { WORKSPACE } from '../tools/names.ts';
import type { AdmittedBatch } from './admission.ts';

/** Providers cache a prefix of 1,024 tokens and more. A token is about four characters. */
const MIN_CACHED_CHARS = 4 * 1_024;

/** The prompt of a task. Each attempt makes the same bytes, unless the deployment changes its `instructions`. */
export function promptFor(
  { task }: TaskJob,
  { context, record }: Pick<AdmittedBatch, 'context' | 'record'>,
  tools: Tools,
  { instructions }: { instructions: string | undefined },
): Prompt {
  const hasWorkspace = task.toolsets?.includes(WORKSPACE) ?? false;
  const batch = { context, total: record.total };
  return promptOf({ task, batch, tools: tools.definitions, hasWorkspace, instructions });
}

/**
 * Returns the key of the beginning of the requests of a task: the same key means the same route and the same bytes.
 * Returns `null` if the beginning is too small for a prompt cache.
 */
export function prefixKeyOf({ batch_id, route }: TaskJob, { system, first }: Prompt, tools: Tools): string | null {
  const { shared } = first;
  const { definitions } = tools;
  const listed = definitions.length === 0 ? '' : JSON.stringify(definitions);
  if (listed.length + system.length + (shared ?? '').length < MIN_CACHED_CHARS) return null;
  return digestOf([routeKey(route), listed, system, ...(shared === undefined ? [] : [batch_id])]);
}

/** Returns the same key for all tasks of a batch on one route, and in each attempt. */
export function cacheKeyOf({ batch_id, route }: TaskJob): string {
  return digestOf([batch_id, routeKey(route)]);
}

function digestOf(parts: readonly string[]): string {
  return hash('sha256', JSON.stringify(parts), 'base64url');
}
