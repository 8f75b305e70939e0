import { createHash } from 'node:crypto';
import { isoNow } from '../base/clock.ts';
import { batchIdOf, newBatchId } from '../base/ids.ts';
import { clip } from '../base/text.ts';
import type { BatchOptions, BatchRecord, RouteInUse } from '../contract/batch.ts';
import type { Limits } from '../contract/limits.ts';
import { needsFor } from '../contract/needs.ts';
import { parseBatch } from '../contract/parse-batch.ts';
import type { ResolvedRoute, RouteRequest } from '../contract/route.ts';
import type { TaskJob, TaskSpec } from '../contract/task.ts';
import { isErrandError, type Problem } from '../errors.ts';
import { checkRoute } from './check.ts';
import { expandRoute } from './names.ts';
import { type RouteContext, resolveRoute } from './resolve.ts';
import type { RoutingTable } from './table.ts';

/** Tasks planned before the event loop gets a turn. */
const SLICE = 500;
/** The maximum number of different routes of a batch that are resolved once. */
const MAX_ROUTES_KEPT = 1_000;

/** A batch with its routes resolved: the record to keep and the jobs to add. `fingerprint` tells batches apart. */
export type PlannedBatch = {
  record: BatchRecord;
  context: string;
  fingerprint: string;
  tasks: { name: string; data: TaskJob }[];
  priority: number;
  warnings: string[];
};

/**
 * Parses a batch, resolves the route of every task, and names everything that will be enqueued. Enqueues nothing, needs
 * no Redis, and yields to the event loop on the way.
 *
 * The fingerprint is of what was asked for, so that the same batch is the same batch under another configuration, and
 * with its fields in another order.
 *
 * @throws ErrandError `BATCH_INVALID` with everything that is wrong, routes included; `ROUTE_UNSUPPORTED` if nothing is wrong
 * but efforts that a strict provider does not take.
 */
export async function planBatch(input: unknown, limits: Limits, table: RoutingTable): Promise<PlannedBatch> {
  const resolved: ResolvedRoute[] = [];
  const routesAsked = new Map<string, RouteFound>();
  const batch = await parseBatch(input, limits, {
    ofLayer: (route) => {
      const expanded = expandRoute(route, table);
      return 'problems' in expanded ? expanded.problems : [];
    },
    ofTask: (asked, { options, route }) => {
      // The tasks of a batch have few routes, and the options of the batch are the same for all.
      const key = JSON.stringify([asked.provider, asked.model, asked.reasoning_effort]);
      const found = routesAsked.get(key) ?? findRoute(requestOf(asked), contextOf(options, route), table);
      if (routesAsked.size < MAX_ROUTES_KEPT) routesAsked.set(key, found);
      if (found.route) resolved.push(found.route);
      return found.problems;
    },
    warningsOf: (route) => routeWarnings(route, table),
  });
  const { options } = batch;
  const batchId = options.idempotency_key ? batchIdOf(options.idempotency_key) : newBatchId();
  const name = options.name ?? `batch ${batchId.slice(-6)}`;
  const hash = createHash('sha256').update(canonicalJson([{ ...options, idempotency_key: undefined }, batch.route]));
  const routes = new Map<string, RouteInUse>();
  const labels = new Map<ResolvedRoute, string>();
  const tasks: PlannedBatch['tasks'] = [];
  for (const [index, route] of resolved.entries()) {
    // Where every task fits, each has a route, in the order of the tasks.
    const spec = batch.tasks[index] as TaskSpec;
    if (index > 0 && index % SLICE === 0) await new Promise((resolve) => setImmediate(resolve));
    const { provider: _provider, model: _model, reasoning_effort: _effort, ...task } = spec;
    const content = { version: 1 as const, batch_id: batchId, index, task, route };
    const data: TaskJob = { ...content, ...needsFor(content) };
    const label = labels.get(route) ?? labelOf(route);
    if (!labels.has(route)) noteRoute(routes, route, index);
    labels.set(route, label);
    tasks.push({ name: `${name} #${index} · ${label}`, data });
    hash.update(canonicalJson(spec));
  }
  const record: BatchRecord = {
    version: 1,
    batch_id: batchId,
    name,
    total: tasks.length,
    admission: options.admission,
    routes: [...routes.values()],
    ...(options.max_concurrent !== undefined && { max_concurrent: options.max_concurrent }),
    ...(options.metadata && { metadata: options.metadata }),
    enqueued_at: isoNow(),
  };
  return {
    record: { ...record, ...needsFor(record) },
    context: options.context ?? '',
    fingerprint: hash.digest('base64url'),
    tasks,
    priority: options.priority,
    warnings: batch.warnings,
  };
}

/** The route of a task if there is one, and what is wrong with it. */
type RouteFound = { route?: ResolvedRoute; problems: Problem[] };

function findRoute(asked: RouteRequest, context: RouteContext, table: RoutingTable): RouteFound {
  const found = resolveRoute(asked, context, table);
  return 'problems' in found ? found : { route: found.route, problems: problemsOf(found.route, table) };
}

/** What the check of workers will say of a route, as the problem of a task. */
function problemsOf(route: ResolvedRoute, { providers }: RoutingTable): Problem[] {
  try {
    checkRoute(route, providers);
    return [];
  } catch (error) {
    if (!isErrandError(error, 'ROUTE_UNSUPPORTED')) throw error;
    return [{ path: 'reasoning_effort', message: error.message, code: 'ROUTE_UNSUPPORTED' }];
  }
}

/** A route in one short piece of text: `anthropic/claude-… · high`. */
export function labelOf({ provider, model, reasoning_effort: effort }: Omit<RouteInUse, 'first_index'>): string {
  return `${provider}/${clip(model, 60)}${effort ? ` · ${effort}` : ''}`;
}

/** JSON with the fields of every object in one order: names that are whole numbers first, as everywhere in JavaScript. */
function canonicalJson(value: unknown): string {
  return JSON.stringify(inOrder(value));
}

function inOrder(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(inOrder);
  const ordered: Record<string, unknown> = {};
  for (const name of Object.keys(value).sort()) ordered[name] = inOrder(Reflect.get(value, name));
  return ordered;
}

function contextOf(options: BatchOptions, route: RouteRequest): RouteContext {
  return { defaults: options.defaults, batch: route, parent: options.parent };
}

function requestOf({ provider, model, reasoning_effort }: RouteRequest): RouteRequest {
  return { ...(provider && { provider }), ...(model && { model }), ...(reasoning_effort && { reasoning_effort }) };
}

function noteRoute(routes: Map<string, RouteInUse>, route: ResolvedRoute, index: number): void {
  const { provider, model, reasoning_effort } = route;
  const key = JSON.stringify([provider, model, reasoning_effort]);
  if (routes.has(key)) return;
  routes.set(key, { provider, model, ...(reasoning_effort && { reasoning_effort }), first_index: index });
}

function routeWarnings(route: RouteRequest, { precedence }: RoutingTable): string[] {
  if (precedence === 'inherit') return [];
  return Object.keys(route).map(
    (field) => `${field}: ignored beside tasks; to set it for every task, write it as defaults.${field}`,
  );
}
