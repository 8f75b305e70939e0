import { readJson } from '../base/json-text.ts';
import { placeIn } from '../base/place.ts';
import { byteLength } from '../base/text.ts';
import type { Problem } from '../errors.ts';
import { type Batch, BatchOptions } from './batch.ts';
import { batchInvalid, Findings, indexIn, joinPath } from './findings.ts';
import { type Limits, maxTextBytes } from './limits.ts';
import { MAX_FIELDS, plainCopy, typeOf } from './plain-json.ts';
import { RouteRequest } from './route.ts';
import { TaskSpec } from './task.ts';

/** Fields of `delegate_task` that Errand accepts and does not act on: they come back as warnings. */
const IGNORED_FIELDS = new Set(['role', 'max_iterations', 'background', 'acp_command', 'acp_args']);
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

type Fields = Record<string, unknown>;

function isFields(value: unknown): value is Fields {
  return typeOf(value) === 'object';
}

function pick(fields: Fields, names: readonly string[]): Fields {
  return Object.fromEntries(names.filter((name) => fields[name] !== undefined).map((name) => [name, fields[name]]));
}

/** Takes out the fields Errand does not act on, and tells of each. */
function withoutIgnored(fields: Fields, onIgnored: (field: string) => void): Fields {
  const kept: Fields = {};
  for (const [name, value] of Object.entries(fields)) {
    if (IGNORED_FIELDS.has(name)) onIgnored(name);
    else kept[name] = value;
  }
  return kept;
}

/** `tasks` may come as the JSON text of an array, because models often write it so. */
async function tasksOf(given: unknown, limits: Limits, findings: Findings): Promise<unknown[] | undefined> {
  const tasks = typeof given === 'string' ? await tasksIn(given, limits, findings) : given;
  if (tasks === undefined) return [];
  if (Array.isArray(tasks)) return tasks;
  const got = typeof given === 'string' ? `a string that holds JSON of type ${typeOf(tasks)}` : typeOf(tasks);
  findings.add('tasks', `expected an array of tasks, got ${got}`);
  return undefined;
}

/** @throws ErrandError `BATCH_INVALID` if the text is not JSON, or JSON that would be changed. */
async function tasksIn(text: string, limits: Limits, findings: Findings): Promise<unknown> {
  const max = maxTextBytes(limits);
  if (text.length > max) findings.add('tasks', `expected at most ${max} bytes of text, got ${text.length} characters`);
  if (text.trim() === '') findings.add('tasks', 'expected an array of tasks, got an empty string');
  findings.throwIfAny();
  const levels = limits.max_depth;
  const reading = await readJson(text, { maxDepth: levels + 1, levels, maxFields: MAX_FIELDS, root: 'tasks' });
  if (reading.status === 'read') return reading.value;
  for (const { path, at, what } of reading.faults) {
    const { line, column } = placeIn(text, at);
    // Nothing of the text is repeated but names of fields: it may hold a secret.
    const place = `line ${line}, column ${column} of the text`;
    if (!reading.isSyntax) findings.add(path, `${what} (${place})`, indexIn(path));
    else findings.add('tasks', `expected an array of tasks, got a string that is not JSON: ${what} at ${place}`);
  }
  return findings.throwIfAny();
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
    const allowed = `${limit} bytes (limits.max_${field}_bytes)`;
    if (size > limit) findings.add(joinPath(at, field), `expected at most ${allowed}, got ${size}`, index);
  }
  const sum = sizes.reduce((all, [, size]) => all + size, 0);
  const isWithinLimits = sizes.every(([, size, limit]) => size <= limit);
  // Only a text in which every character needs an escape grows this much.
  if (!isWithinLimits || sum * MAX_JSON_BYTES_PER_BYTE <= MAX_TASK_BYTES) return sum;
  const bytes = byteLength(JSON.stringify([goal, context, metadata]));
  if (bytes > MAX_TASK_BYTES) findings.add(at, `expected at most ${MAX_TASK_BYTES} bytes as JSON, got ${bytes}`, index);
  return sum;
}

/**
 * Finds what is wrong with the route of a task, given what its batch says; paths are within the task. Of a task or a batch
 * that does not fit the schema it gets what fits, and the name of a provider as it was given.
 */
export type RouteCheck = (route: RouteRequest, batch: Pick<Batch, 'options' | 'route'>) => Problem[];

/**
 * Parses what a producer submitted, all of it before anything is enqueued, and reports every problem at once with its
 * index and path. Yields to the event loop between slices, so that a large batch does not stall a web app.
 *
 * @throws ErrandError `BATCH_INVALID` with up to 100 problems; `ROUTE_UNSUPPORTED` if the check of routes found all of them.
 */
export async function parseBatch(input: unknown, limits: Limits, checkRoute: RouteCheck = () => []): Promise<Batch> {
  const findings = new Findings();
  if (!isFields(input)) {
    throw batchInvalid([{ path: '', message: `expected a batch object, got ${typeOf(input)}` }]);
  }
  const { tasks: rawTasks, ...rest } = optionsIn(input, limits, findings);
  const given = await tasksOf(rawTasks, limits, findings);
  findings.throwIfAny();
  const top = withoutIgnored(rest, (field) => findings.warn(`${field}: accepted and ignored`));
  const isSingle = given === undefined || given.length === 0;
  if (isSingle && top.goal === undefined) {
    const got = rawTasks === undefined ? 'neither' : 'an empty tasks array and no goal';
    findings.add('tasks', `expected a non-empty array of tasks, or a goal; got ${got}`);
    findings.throwIfAny();
  }
  const items: unknown[] = isSingle
    ? [
        pick(
          top,
          TASK_FIELDS.filter((name) => !OPTION_FIELDS.includes(name)),
        ),
      ]
    : given;
  if (items.length > limits.max_tasks) {
    findings.add(
      'tasks',
      `expected at most ${limits.max_tasks} tasks (limits.max_tasks), got ${items.length}; split them over several batches`,
    );
    findings.throwIfAny();
  }

  const batch = parseOptions(top, isSingle, findings);
  const tasks = await parseTasks(items, isSingle ? '' : 'tasks', limits, findings, (route) => checkRoute(route, batch));
  checkSizes(batch.options, '', limits, findings);
  findings.throwIfAny();
  if (!isSingle && top.goal !== undefined) findings.warn('goal: ignored, because tasks is not empty');
  return { ...batch, tasks, warnings: findings.warnings };
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

function parseOptions(top: Fields, isSingle: boolean, findings: Findings): Pick<Batch, 'options' | 'route'> {
  const ofTask = isSingle ? TASK_FIELDS : ['goal', ...ROUTE_FIELDS];
  const known = [...OPTION_FIELDS, 'tasks', ...ofTask.filter((name) => !OPTION_FIELDS.includes(name))];
  const own = Object.fromEntries(
    Object.entries(top).filter(([name]) => OPTION_FIELDS.includes(name) || !ofTask.includes(name)),
  );
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
  return { options, route: route.data ?? fittingRoute(ownRoute) };
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

async function parseTasks(
  items: unknown[],
  under: string,
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
    const item = reading.status === 'plain' ? reading.value : null;
    if (!isFields(item)) continue;
    const parsed = TaskSpec.safeParse(
      withoutIgnored(item, (field) => findings.ignoreInTask(field)),
      REPORTING,
    );
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
  }
  if (totalBytes > limits.max_batch_bytes) {
    findings.add(
      'tasks',
      `expected at most ${limits.max_batch_bytes} bytes in all (limits.max_batch_bytes), got ${totalBytes}`,
    );
  }
  return tasks;
}
