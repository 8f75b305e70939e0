import { createHash } from 'node:crypto';
import { isoNow } from '../base/clock.ts';
import { batchIdFor, newBatchId } from '../base/ids.ts';
import { clip } from '../base/text.ts';
import type { Batch, BatchRecord, RouteInUse } from '../contract/batch.ts';
import { batchInvalid } from '../contract/findings.ts';
import type { ResolvedRoute } from '../contract/route.ts';
import { type RoutingTable, resolveRoute } from '../contract/routing.ts';
import type { TaskJob, TaskSpec } from '../contract/task.ts';
import type { Problem } from '../errors.ts';

/** Tasks planned before the event loop gets a turn. */
const SLICE = 500;
const MOST_PROBLEMS = 100;

/** A batch with its routes resolved: the record to keep and the jobs to add. `fingerprint` tells batches apart. */
export type PlannedBatch = {
  record: BatchRecord;
  context: string;
  fingerprint: string;
  tasks: { name: string; data: TaskJob }[];
};

/**
 * Resolves the route of every task and names everything that will be enqueued. Yields to the event loop on the way.
 *
 * @throws ErrandError `BATCH_INVALID` with every task that has no usable route, and the providers that are known.
 */
export async function planBatch(batch: Batch, table: RoutingTable): Promise<PlannedBatch> {
  const { options } = batch;
  const batchId = options.idempotency_key ? batchIdFor(options.idempotency_key) : newBatchId();
  const name = options.name ?? `batch ${batchId.slice(-6)}`;
  const context = { defaults: options.defaults, batch: batch.route, parent: options.parent };
  const hash = createHash('sha256').update(JSON.stringify({ ...options, idempotency_key: undefined }));
  const routes = new Map<string, RouteInUse>();
  const problems: Problem[] = [];
  const tasks: PlannedBatch['tasks'] = [];
  for (const [index, spec] of batch.tasks.entries()) {
    if (index > 0 && index % SLICE === 0) await new Promise((resolve) => setImmediate(resolve));
    const { provider, model, reasoning_effort, ...task } = spec;
    const resolved = resolveRoute(requestOf(spec), context, table);
    if ('problems' in resolved) {
      for (const { path, message } of resolved.problems)
        problems.push({ path: `tasks[${index}].${path}`, message, index });
      if (problems.length >= MOST_PROBLEMS) break;
      continue;
    }
    const data: TaskJob = { version: 1, batch_id: batchId, index, task, route: resolved.route };
    tasks.push({ name: `${name} #${index} · ${labelOf(resolved.route)}`, data });
    hash.update(JSON.stringify([task, resolved.route]));
    noteRoute(routes, resolved.route, index);
  }
  if (problems.length > 0) throw batchInvalid(problems);
  return {
    record: {
      version: 1,
      batch_id: batchId,
      name,
      total: tasks.length,
      admission: options.admission,
      routes: [...routes.values()],
      ...(options.max_concurrent !== undefined && { max_concurrent: options.max_concurrent }),
      ...(options.metadata && { metadata: options.metadata }),
      enqueued_at: isoNow(),
    },
    context: options.context ?? '',
    fingerprint: hash.digest('base64url'),
    tasks,
  };
}

/** A route in one short piece of text: `anthropic/claude-… · high`. */
export function labelOf({ provider, model, reasoning_effort: effort }: Omit<RouteInUse, 'first_index'>): string {
  return `${provider}/${clip(model, 60)}${effort ? ` · ${effort}` : ''}`;
}

function requestOf({ provider, model, reasoning_effort }: TaskSpec): ResolvedRoute['requested'] {
  return { ...(provider && { provider }), ...(model && { model }), ...(reasoning_effort && { reasoning_effort }) };
}

function noteRoute(routes: Map<string, RouteInUse>, route: ResolvedRoute, index: number): void {
  const { provider, model, reasoning_effort } = route;
  const key = JSON.stringify([provider, model, reasoning_effort]);
  if (routes.has(key)) return;
  routes.set(key, { provider, model, ...(reasoning_effort && { reasoning_effort }), first_index: index });
}
