import { byteLength, counted } from '../base/text.ts';
import type { Problem } from '../errors.ts';
import { type Batch, BatchOptions } from './batch.ts';
import { readPayload } from './delegate-task.ts';
import { batchInvalid, Findings, joinPath } from './findings.ts';
import type { Limits } from './limits.ts';
import { plainCopy, typeOf } from './plain-json.ts';
import { RouteRequest } from './route.ts';
import { type Fields, readRouteFields } from './route-forms.ts';
import { TaskSpec } from './task.ts';
import { tasksOf } from './tasks-text.ts';

const OPTION_FIELDS = Object.keys(BatchOptions.shape);
const ROUTE_FIELDS = Object.keys(RouteRequest.shape);
const TASK_FIELDS = Object.keys(TaskSpec.shape);
/** The event loop gets a turn after so long. */
const SLICE_MS = 10;

/** A problem says what came, so an issue carries its input; no error does. */
const REPORTING = { reportInput: true };

/**
 * The maximum size of a task, in bytes of JSON. One command to Redis has at most 4 MiB, and a job holds more than its task.
 */
const MAX_TASK_BYTES = 3.5 * 1024 * 1024;
const MAX_JSON_BYTES_PER_BYTE = 6;

function isFields(value: unknown): value is Fields {
  return typeOf(value) === 'object';
}

function pick(fields: Fields, names: readonly string[]): Fields {
  return Object.fromEntries(names.filter((name) => fields[name] !== undefined).map((name) => [name, fields[name]]));
}

/** Checks the texts of a task, or of a batch, against the limits; returns how many bytes they are. */
function checkSizes(
  { goal = '', context = '', metadata }: Partial<TaskSpec>,
  at: string,
  limits: Limits,
  findings: Findings,
  index?: number,
): number {
  const sizes = [
    ['goal', byteLength(goal), limits.max_goal_bytes],
    ['context', byteLength(context), limits.max_context_bytes],
    ['metadata', metadata ? byteLength(JSON.stringify(metadata)) : 0, limits.max_metadata_bytes],
  ] as const;
  for (const [field, size, limit] of sizes) {
    if (size <= limit) continue;
    const allowed = `${limit} bytes (limits.max_${field}_bytes)`;
    findings.add(joinPath(at, field), `expected at most ${allowed}, got ${size}`, index);
  }
  const sum = sizes.reduce((all, [, size]) => all + size, 0);
  const isWithinLimits = sizes.every(([, size, limit]) => size <= limit);
  // Only a text in which every character needs an escape grows this much.
  if (!isWithinLimits || sum * MAX_JSON_BYTES_PER_BYTE <= MAX_TASK_BYTES) return sum;
  const bytes = byteLength(JSON.stringify([goal, context, metadata]));
  if (bytes > MAX_TASK_BYTES) findings.add(at, `expected at most ${MAX_TASK_BYTES} bytes as JSON, got ${bytes}`, index);
  return sum;
}

/** Finds what is wrong with routes. A path is within the object that has the route. */
export type RouteChecks = {
  /** What is wrong with a route that a batch names for its tasks. */
  ofLayer: (route: RouteRequest) => Problem[];
  /**
   * What is wrong with the route of a task, given what its batch says. Of a task or a batch that does not fit the schema it
   * gets what fits, and the name of a provider as it was given.
   */
  ofTask: (route: RouteRequest, batch: Pick<Batch, 'options' | 'route'>) => Problem[];
  /** Warnings about a route beside `tasks`. */
  warningsOf: (route: RouteRequest) => string[];
};

const NO_CHECKS: RouteChecks = { ofLayer: () => [], ofTask: () => [], warningsOf: () => [] };

/**
 * Parses what a producer submitted, all of it before anything is enqueued, and reports every problem at once with its
 * index and path. Yields to the event loop between slices, so that a large batch does not stall a web app.
 *
 * @throws ErrandError `BATCH_INVALID` with up to 100 problems; `ROUTE_UNSUPPORTED` if the check of routes found all of them.
 */
export async function parseBatch(input: unknown, limits: Limits, checks: RouteChecks = NO_CHECKS): Promise<Batch> {
  const findings = new Findings();
  if (!isFields(input)) {
    throw batchInvalid([{ path: '', message: `expected a batch object, got ${typeOf(input)}` }]);
  }
  const { tasks: rawTasks, ...rest } = optionsIn(input, limits, findings);
  const given = await tasksOf(rawTasks, limits, findings);
  findings.throwIfAny();
  const top = readPayload(rest, findings.reportAt(''));
  const isSingle = given === undefined || given.length === 0;
  if (isSingle && (top.goal ?? null) === null) refuseWorkless(top, rawTasks, findings, checks);
  const items: unknown[] = isSingle
    ? [
        pick(
          top,
          TASK_FIELDS.filter((name) => !OPTION_FIELDS.includes(name)),
        ),
      ]
    : given;
  const common = isSingle ? {} : toolsetsOf(top, findings);
  const batch = parseOptions(top, isSingle, findings, checks);
  const tasks = await parseTasks({ items, under: isSingle ? '' : 'tasks', common }, limits, findings, (route) =>
    checks.ofTask(route, batch),
  );
  checkSizes(batch.options, '', limits, findings);
  findings.throwIfAny();
  if (!isSingle && 'goal' in top) findings.warn('goal: ignored, because tasks is not empty');
  return { ...batch, tasks, warnings: findings.warnings };
}

/** Refuses a batch without work. Unknown fields are reported first, because the tasks are often in one of them. */
function refuseWorkless(top: Fields, rawTasks: unknown, findings: Findings, checks: RouteChecks): never {
  findings.throwIfAny();
  parseOptions(top, true, findings, checks);
  const tasks = rawTasks === undefined ? 'no tasks' : 'an empty array of tasks';
  const goal = top.goal === undefined ? 'no goal' : 'null as the goal';
  findings.add('tasks', `expected a non-empty array of tasks, or a goal; got ${tasks} and ${goal}`);
  throw batchInvalid(findings.problems, findings.warnings);
}

/** Toolsets beside `tasks` are those of every task that names none, as `delegate_task` has it. */
function toolsetsOf(top: Fields, findings: Findings): Fields {
  const { toolsets } = top;
  if (toolsets === undefined) return {};
  delete top.toolsets;
  const parsed = TaskSpec.shape.toolsets.safeParse(toolsets, REPORTING);
  if (!parsed.success) findings.addIssues(parsed.error.issues, 'toolsets', []);
  findings.throwIfAny();
  findings.warn('toolsets: given to every task that names none of its own');
  return { toolsets };
}

/** A copy of everything but the tasks, which are passed on as they are. @throws ErrandError `BATCH_INVALID`. */
function optionsIn(input: Fields, limits: Limits, findings: Findings): Fields {
  const reading = plainCopy(input, limits, 'tasks');
  if (reading.status === 'plain' && isFields(reading.value)) return reading.value;
  const problems = reading.status === 'refused' ? reading.problems : [];
  for (const { path, message } of problems) findings.add(path, message);
  findings.throwIfAny();
  return {};
}

/** Reads the forms of a route inside a batch, and reports what is wrong with it there. */
function readLayer(name: 'defaults' | 'parent', own: Fields, findings: Findings): void {
  if (isFields(own[name])) own[name] = readRouteFields(own[name], findings.reportAt(name));
}

function parseOptions(
  top: Fields,
  isSingle: boolean,
  findings: Findings,
  { ofLayer, warningsOf }: RouteChecks,
): Pick<Batch, 'options' | 'route'> {
  const ofTask = isSingle ? TASK_FIELDS : ['goal', ...ROUTE_FIELDS];
  const known = [...OPTION_FIELDS, 'tasks', ...ofTask.filter((name) => !OPTION_FIELDS.includes(name))];
  const own = Object.fromEntries(
    Object.entries(top).filter(([name]) => OPTION_FIELDS.includes(name) || !ofTask.includes(name)),
  );
  readLayer('defaults', own, findings);
  readLayer('parent', own, findings);
  const parsed = BatchOptions.safeParse(own, REPORTING);
  if (!parsed.success) findings.addIssues(parsed.error.issues, '', known);
  const ownRoute = isSingle ? {} : pick(top, ROUTE_FIELDS);
  const route = RouteRequest.safeParse(ownRoute, REPORTING);
  if (!route.success) findings.addIssues(route.error.issues, '', known);
  const options = parsed.data ?? {
    ...BatchOptions.parse({}),
    defaults: fittingRoute(own.defaults),
    parent: fittingRoute(own.parent),
  };
  const layers = { defaults: options.defaults, parent: options.parent, '': route.data };
  for (const [name, layer] of Object.entries(layers)) {
    for (const { path, message } of layer ? ofLayer(layer) : []) findings.add(joinPath(name, path), message);
  }
  const fitting = route.data ?? fittingRoute(ownRoute);
  for (const warning of warningsOf(fitting)) findings.warn(warning);
  return { options, route: fitting };
}

/** The route fields that fit, and the name of a provider even where it cannot be one's. */
function fittingRoute(fields: unknown): RouteRequest {
  if (!isFields(fields)) return {};
  const own = pick(fields, ROUTE_FIELDS);
  const unfit = new Set(RouteRequest.safeParse(own).error?.issues.map(({ path: [name] }) => name));
  if (typeof own.provider === 'string') unfit.delete('provider');
  return pick(
    own,
    ROUTE_FIELDS.filter((name) => !unfit.has(name)),
  );
}

/** Tasks as they were given, the path of their list, and the fields of each task that has none or `null` of their name. */
type GivenTasks = { items: unknown[]; under: string; common: Fields };

async function parseTasks(
  { items, under, common }: GivenTasks,
  limits: Limits,
  findings: Findings,
  check: (route: RouteRequest) => Problem[],
): Promise<TaskSpec[]> {
  const tasks: TaskSpec[] = [];
  let totalBytes = 0;
  let sliceEndsMs = performance.now() + SLICE_MS;
  for (const [index, given] of items.entries()) {
    if (performance.now() > sliceEndsMs) {
      await new Promise((resolve) => setImmediate(resolve));
      sliceEndsMs = performance.now() + SLICE_MS;
    }
    if (findings.isFull) break;
    const at = under && `${under}[${index}]`;
    if (!isFields(given)) {
      findings.add(at, `expected a task object, got ${typeOf(given)}`, index);
      continue;
    }
    const reading = plainCopy(given, limits);
    const unplain = reading.status === 'refused' ? reading.problems : [];
    for (const problem of unplain) findings.add(joinPath(at, problem.path), problem.message, index);
    if (reading.status !== 'plain' || !isFields(reading.value)) continue;
    for (const [name, value] of Object.entries(common)) reading.value[name] ??= value;
    const item = readPayload(reading.value, findings.reportAt(at, index));
    const parsed = TaskSpec.safeParse(item, REPORTING);
    const ofRoute = check(parsed.data ?? fittingRoute(item));
    // A name that cannot be a provider's is told like one that is unknown, with those that are known.
    const isUnknown = typeof item.provider === 'string' && ofRoute.some(({ path }) => path === 'provider');
    const issues = parsed.error?.issues.filter(({ path: [name] }) => !(isUnknown && name === 'provider')) ?? [];
    findings.addIssues(issues, at, TASK_FIELDS, index);
    for (const { path, message, code } of ofRoute) {
      if (!issues.some(({ path: [name] }) => name === path)) findings.add(joinPath(at, path), message, index, code);
    }
    if (!parsed.success) continue;
    totalBytes += checkSizes(parsed.data, at, limits, findings, index);
    tasks.push(parsed.data);
    if (totalBytes <= limits.max_batch_bytes) continue;
    const allowed = `${limits.max_batch_bytes} bytes in all (limits.max_batch_bytes)`;
    const got = `${totalBytes} in the first ${counted(index + 1, 'task')}`;
    findings.add(under || 'goal', `expected at most ${allowed}, got ${got}`);
    break;
  }
  return tasks;
}
