import { byteLength, counted } from '../base/text.ts';
import type { Problem } from '../errors.ts';
import { readPayload } from './delegate-task.ts';
import { type Findings, joinPath } from './findings.ts';
import type { Limits } from './limits.ts';
import { plainCopy } from './plain-json.ts';
import { RouteRequest } from './route.ts';
import { type Fields, isFields, pick, ROUTE_FIELDS } from './route-forms.ts';
import { gotNamed, type InWords, inWords } from './schema-words.ts';
import { TaskSpec } from './task.ts';

export const TASK_FIELDS = Object.keys(TaskSpec.shape);
/** How long tasks are parsed before the event loop gets a turn. */
const SLICE_MS = 10;

/**
 * Parameters of a parse: problems in our words. An issue carries its input, because a field that holds work is named;
 * no error carries it.
 */
export const REPORTING: InWords & { reportInput: true } = { ...inWords('field'), reportInput: true };

/**
 * The maximum size of a task, in bytes of JSON. One command to Redis has at most 4 MiB, and a job holds more than its
 * task.
 */
const MAX_TASK_BYTES = 3.5 * 1024 * 1024;
const MAX_JSON_BYTES_PER_BYTE = 6;

/** Checks the texts of a task, or of a batch, against the limits; returns how many bytes they are. */
export function checkSizes(
  { goal = '', instructions = '', context = '', metadata }: Partial<TaskSpec>,
  { at, index }: Spot,
  limits: Limits,
  findings: Findings,
): number {
  const sizes = [
    ['goal', byteLength(goal), 'max_goal_bytes'],
    ['instructions', byteLength(instructions), 'max_context_bytes'],
    ['context', byteLength(context), 'max_context_bytes'],
    ['metadata', metadata ? byteLength(JSON.stringify(metadata)) : 0, 'max_metadata_bytes'],
  ] as const;
  for (const [field, size, limit] of sizes) {
    if (size <= limits[limit]) continue;
    const allowed = `${limits[limit]} bytes (limits.${limit})`;
    findings.add(joinPath(at, field), `expected at most ${allowed}, got ${size}`, index);
  }
  const sum = sizes.reduce((all, [, size]) => all + size, 0);
  const isWithinLimits = sizes.every(([, size, limit]) => size <= limits[limit]);
  // Only a text in which every character needs an escape grows this much.
  if (!isWithinLimits || sum * MAX_JSON_BYTES_PER_BYTE <= MAX_TASK_BYTES) return sum;
  const bytes = byteLength(JSON.stringify([goal, instructions, context, metadata]));
  if (bytes > MAX_TASK_BYTES) findings.add(at, `expected at most ${MAX_TASK_BYTES} bytes as JSON, got ${bytes}`, index);
  return sum;
}

/** Returns the route fields that fit, and the name of a provider even if it cannot be the name of one. */
export function fittingRoute(fields: unknown): RouteRequest {
  if (!isFields(fields)) return {};
  const own = pick(fields, ROUTE_FIELDS);
  const unfit = new Set(RouteRequest.safeParse(own, REPORTING).error?.issues.map(({ path: [name] }) => name));
  if (typeof own.provider === 'string') unfit.delete('provider');
  return pick(
    own,
    ROUTE_FIELDS.filter((name) => !unfit.has(name)),
  );
}

/**
 * Tasks as they were given, the path of their list, and the fields for each task in which they are absent or `null`.
 */
export type GivenTasks = { items: unknown[]; under: string; common: Fields };

/** The place of a task in the input: its path, and its index. A batch has no index. */
export type Spot = { at: string; index?: number };

/** Finds the problems of the route of a task. If the task does not fit the schema, it gets the fields that fit. */
export type TaskCheck = (task: RouteRequest & Pick<TaskSpec, 'toolsets'>, spot: Spot) => Problem[];

/** Parses the tasks of a batch one after the other, until there are too many problems or too many bytes. */
export async function parseTasks(
  { items, under, common }: GivenTasks,
  limits: Limits,
  findings: Findings,
  check: TaskCheck,
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
    const spot = { at: under && `${under}[${index}]`, index };
    const fields = fieldsOf(given, spot, limits, findings);
    for (const [name, value] of Object.entries(common)) if (fields) fields[name] ??= value;
    const task = fields && parseTask(fields, spot, findings, check);
    if (!task) continue;
    totalBytes += checkSizes(task, spot, limits, findings);
    tasks.push(task);
    if (totalBytes <= limits.max_batch_bytes) continue;
    const allowed = `${limits.max_batch_bytes} bytes in all (limits.max_batch_bytes)`;
    const got = `${totalBytes} in the first ${counted(index + 1, 'task')}`;
    findings.add(under || 'goal', `expected at most ${allowed}, got ${got}`);
    break;
  }
  return tasks;
}

/** Copies the fields of one task; `undefined` if it is not plain JSON. */
function fieldsOf(given: unknown, { at, index }: Spot, limits: Limits, findings: Findings): Fields | undefined {
  if (!isFields(given)) {
    findings.add(at, `expected a task object, got ${gotNamed(given)}`, index);
    return undefined;
  }
  const reading = plainCopy(given, limits);
  const unplain = reading.status === 'refused' ? reading.problems : [];
  for (const problem of unplain) findings.add(joinPath(at, problem.path), problem.message, index);
  return reading.status === 'plain' && isFields(reading.value) ? reading.value : undefined;
}

function parseTask(fields: Fields, spot: Spot, findings: Findings, check: TaskCheck): TaskSpec | undefined {
  const { at, index } = spot;
  const item = readPayload(fields, findings.reportAt(at, index));
  const parsed = TaskSpec.safeParse(item, REPORTING);
  const ofRoute = check(parsed.data ?? fittingRoute(item), spot);
  // A name that no provider can have is reported as an unknown name, together with the names that are known.
  const isUnknown = typeof item.provider === 'string' && ofRoute.some(({ path }) => path === 'provider');
  const issues = parsed.error?.issues.filter(({ path: [name] }) => !(isUnknown && name === 'provider')) ?? [];
  findings.addIssues(issues, at, TASK_FIELDS, index);
  for (const { path, message, code } of ofRoute) {
    if (!issues.some(({ path: [name] }) => name === path)) findings.add(joinPath(at, path), message, index, code);
  }
  return parsed.data;
}
