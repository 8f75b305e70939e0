import type { Problem } from '../errors.ts';
import { type Batch, BatchOptions } from './batch.ts';
import { readPayload } from './delegate-task.ts';
import { batchInvalid, Findings, joinPath } from './findings.ts';
import type { Limits } from './limits.ts';
import { checkSizes, fittingRoute, parseTasks, REPORTING, TASK_FIELDS, type TaskCheck } from './parse-tasks.ts';
import { plainCopy } from './plain-json.ts';
import { RouteRequest } from './route.ts';
import { type Fields, isFields, pick, ROUTE_FIELDS, readRouteFields } from './route-forms.ts';
import { gotNamed } from './schema-words.ts';
import { TaskSpec } from './task.ts';
import { tasksOf } from './tasks-text.ts';
import { type KnownToolsets, NO_TOOLSETS, ToolsetCheck } from './toolset-check.ts';

const OPTION_FIELDS = Object.keys(BatchOptions.shape);

/** Finds the problems of routes. A path is within the object that has the route. */
export type RouteChecks = {
  /** Returns the problems of a route that a batch names for its tasks. */
  ofLayer: (route: RouteRequest) => Problem[];
  /**
   * Returns the problems of the route of a task in its batch. If the task or the batch does not fit the schema, it gets
   * the fields that fit, and the name of a provider as it was given.
   */
  ofTask: (route: RouteRequest, batch: Pick<Batch, 'options' | 'route'>) => Problem[];
  /** Returns the warnings about a route beside `tasks`. */
  warningsOf: (route: RouteRequest) => string[];
};

/** The checks of a batch that need the deployment. */
export type BatchChecks = RouteChecks & { toolsets?: KnownToolsets };

const NO_CHECKS: RouteChecks = { ofLayer: () => [], ofTask: () => [], warningsOf: () => [] };

/**
 * Parses a batch completely before anything is enqueued, and reports all problems at once, each with its index and
 * path. Yields to the event loop between slices, so that a large batch does not stall a web app.
 *
 * @throws ErrandError `BATCH_INVALID` with up to 100 problems; `ROUTE_UNSUPPORTED` if the check of routes found all of
 * them.
 */
export async function parseBatch(input: unknown, limits: Limits, checks: BatchChecks = NO_CHECKS): Promise<Batch> {
  const findings = new Findings();
  if (!isFields(input)) {
    throw batchInvalid([{ path: '', message: `expected a batch object, got ${gotNamed(input)}` }]);
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
  const toolsets = new ToolsetCheck(checks.toolsets ?? NO_TOOLSETS);
  const check: TaskCheck = (task, spot) => {
    toolsets.note(task, spot);
    return checks.ofTask(task, batch);
  };
  const tasks = await parseTasks({ items, under: isSingle ? '' : 'tasks', common }, limits, findings, check);
  await toolsets.report(findings);
  checkSizes(batch.options, { at: '' }, limits, findings);
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

/** Returns the toolsets beside `tasks`, which every task without toolsets gets, as in `delegate_task`. */
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

/** Copies all fields except `tasks`, which stays as it is. @throws ErrandError `BATCH_INVALID`. */
function optionsIn(input: Fields, limits: Limits, findings: Findings): Fields {
  const reading = plainCopy(input, limits, 'tasks');
  if (reading.status === 'plain' && isFields(reading.value)) return reading.value;
  const problems = reading.status === 'refused' ? reading.problems : [];
  for (const { path, message } of problems) findings.add(path, message);
  findings.throwIfAny();
  return {};
}

/** Reads the forms of a route inside a batch, and reports its problems there. */
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
