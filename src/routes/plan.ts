import { createHash } from 'node:crypto';
import { isoNow } from '../base/clock.ts';
import { batchIdOf, newBatchId } from '../base/ids.ts';
import { clip } from '../base/text.ts';
import type { Batch, BatchOptions, BatchRecord, RouteInUse } from '../contract/batch.ts';
import type { Limits } from '../contract/limits.ts';
import { type FieldVersions, needsFor, OWN_TOOLSETS_SINCE, TOOLS_SINCE } from '../contract/needs.ts';
import { parseBatch } from '../contract/parse-batch.ts';
import { type ResolvedRoute, type RouteRequest, routeKey } from '../contract/route.ts';
import { isMcpToolset, type TaskJob } from '../contract/task.ts';
import { type KnownToolsets, NO_TOOLSETS } from '../contract/toolset-check.ts';
import { ErrandError, isErrandError, type Problem } from '../errors.ts';
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
 * no Redis unless `toolsets` asks it, and yields to the event loop on the way.
 *
 * The fingerprint is of what was asked for, so that the same batch is the same batch under another configuration, and
 * with its fields in another order.
 *
 * @throws ErrandError `BATCH_INVALID` with everything that is wrong, routes included; `ROUTE_UNSUPPORTED` if nothing is
 * wrong but efforts that a strict provider does not take.
 */
export async function planBatch(
  input: unknown,
  limits: Limits,
  table: RoutingTable,
  toolsets: KnownToolsets = NO_TOOLSETS,
): Promise<PlannedBatch> {
  const routes = new TaskRoutes(table);
  const batch = await parseBatch(input, limits, {
    ofLayer: (route) => {
      const expanded = expandRoute(route, table);
      return 'problems' in expanded ? expanded.problems : [];
    },
    ofTask: (asked, { options, route }) => routes.add(asked, contextOf(options, route)),
    warningsOf: (route) => routeWarnings(route, table),
    toolsets,
  });
  const { idempotency_key: key, name, context, priority } = batch.options;
  const batchId = key ? batchIdOf(key) : newBatchId();
  const named = { batchId, name: name ?? `batch ${batchId.slice(-6)}` };
  const { tasks, fingerprint } = await planTasks(batch, routes.ofTasks, named, sinceOf(toolsets));
  const record = recordOf(batch.options, { ...named, total: tasks.length, routes: routesInUse(routes.ofTasks) });
  return {
    record: { ...record, ...needsFor(record) },
    context: context ?? '',
    fingerprint,
    tasks,
    priority,
    warnings: batch.warnings,
  };
}

/** A task with toolsets that are not built in needs a worker that knows them by name. */
function sinceOf({ builtIn }: KnownToolsets): FieldVersions {
  const sinceOfName = (name: unknown) => {
    if (typeof name !== 'string' || builtIn.includes(name)) return 1;
    return isMcpToolset(name) ? TOOLS_SINCE : OWN_TOOLSETS_SINCE;
  };
  return { 'task.toolsets': (names) => (Array.isArray(names) ? Math.max(1, ...names.map(sinceOfName)) : 1) };
}

/** The route of a task if there is one, and what is wrong with it. */
type RouteFound = { route?: ResolvedRoute; problems: Problem[] };

/** Resolves the routes of the tasks of one batch. A batch has few different routes, so that each is resolved once. */
class TaskRoutes {
  readonly #table: RoutingTable;
  readonly #known = new Map<string, RouteFound>();
  /** The routes found, in the order of the tasks. If every task fits, each task has one. */
  readonly ofTasks: ResolvedRoute[] = [];

  constructor(table: RoutingTable) {
    this.#table = table;
  }

  /** Adds the route of the next task, and returns its problems. `context` is the same for all tasks of a batch. */
  add(asked: RouteRequest, context: RouteContext): Problem[] {
    const key = routeKey(asked);
    const found = this.#known.get(key) ?? findRoute(requestOf(asked), context, this.#table);
    if (this.#known.size < MAX_ROUTES_KEPT) this.#known.set(key, found);
    if (found.route) this.ofTasks.push(found.route);
    return found.problems;
  }
}

/** Makes the jobs of a batch, in slices, and the fingerprint of what was asked for. */
async function planTasks(
  batch: Batch,
  routes: readonly ResolvedRoute[],
  { batchId, name }: { batchId: string; name: string },
  since: FieldVersions,
): Promise<Pick<PlannedBatch, 'tasks' | 'fingerprint'>> {
  const hash = createHash('sha256');
  hash.update(canonicalJson([{ ...batch.options, idempotency_key: undefined }, batch.route]));
  const labels = new Map<ResolvedRoute, string>();
  const tasks: PlannedBatch['tasks'] = [];
  for (const [index, route] of routes.entries()) {
    const spec = batch.tasks[index];
    if (!spec) throw new ErrandError('INTERNAL', `the batch has more routes than tasks: ${routes.length}`);
    if (index > 0 && index % SLICE === 0) await new Promise((resolve) => setImmediate(resolve));
    const { provider: _provider, model: _model, reasoning_effort: _effort, ...task } = spec;
    const content = { version: 1 as const, batch_id: batchId, index, task, route };
    const label = labels.get(route) ?? labelOf(route);
    labels.set(route, label);
    tasks.push({ name: `${name} #${index} · ${label}`, data: { ...content, ...needsFor(content, since) } });
    hash.update(canonicalJson(spec));
  }
  return { tasks, fingerprint: hash.digest('base64url') };
}

/** Lists each different route of a batch once, with the index of its first task. */
function routesInUse(routes: readonly ResolvedRoute[]): RouteInUse[] {
  const firsts = new Map<ResolvedRoute, number>();
  for (const [index, route] of routes.entries()) if (!firsts.has(route)) firsts.set(route, index);
  const inUse = new Map<string, RouteInUse>();
  for (const [{ provider, model, reasoning_effort }, first_index] of firsts) {
    const route = { provider, model, ...(reasoning_effort && { reasoning_effort }) };
    if (!inUse.has(routeKey(route))) inUse.set(routeKey(route), { ...route, first_index });
  }
  return [...inUse.values()];
}

type NamedBatch = { batchId: string; name: string; total: number; routes: RouteInUse[] };

function recordOf({ admission, max_concurrent, metadata }: BatchOptions, batch: NamedBatch): BatchRecord {
  return {
    version: 1,
    batch_id: batch.batchId,
    name: batch.name,
    total: batch.total,
    admission,
    routes: batch.routes,
    ...(max_concurrent !== undefined && { max_concurrent }),
    ...(metadata && { metadata }),
    enqueued_at: isoNow(),
  };
}

function findRoute(asked: RouteRequest, context: RouteContext, table: RoutingTable): RouteFound {
  const found = resolveRoute(asked, context, table);
  return 'problems' in found ? found : { route: found.route, problems: problemsOf(found.route, table) };
}

/** Returns the problems that the workers would find in a route. */
function problemsOf(route: ResolvedRoute, { providers }: RoutingTable): Problem[] {
  try {
    checkRoute(route, providers);
    return [];
  } catch (error) {
    if (!isErrandError(error, 'ROUTE_UNSUPPORTED')) throw error;
    return [{ path: 'reasoning_effort', message: error.message, code: 'ROUTE_UNSUPPORTED' }];
  }
}

/** Formats a route as a short text: `anthropic/claude-… · high`. */
export function labelOf({ provider, model, reasoning_effort: effort }: Omit<RouteInUse, 'first_index'>): string {
  return `${provider}/${clip(model, 60)}${effort ? ` · ${effort}` : ''}`;
}

/**
 * JSON with the fields of every object in one order: names that are whole numbers first, as everywhere in JavaScript.
 */
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

function routeWarnings(route: RouteRequest, { precedence }: RoutingTable): string[] {
  if (precedence === 'inherit') return [];
  return Object.keys(route).map(
    (field) => `${field}: ignored beside tasks; to set it for every task, write it as defaults.${field}`,
  );
}
