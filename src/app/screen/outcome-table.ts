import { styleText } from 'node:util';
import { clip, oneLine, printable } from '../../base/text.ts';
import type { CleanupRecord } from '../../contract/cleanup.ts';
import { taskCostText } from '../../contract/cost-text.ts';
import type { ReasoningEffort } from '../../contract/effort.ts';
import type { Answer, Outcome } from '../../contract/outcome.ts';
import type { RouteAudit, RouteRequest } from '../../contract/route.ts';
import { groupFailures, tasksText } from './failure-groups.ts';
import { type Row, table, textWidth } from './table.ts';

/** The lengths to which goals are cut, the first that makes the table fit. */
const GOALS_SHOWN = [38, 30, 22, 16];
const CLAMPED = 'effort a → b: the model does not take a, so it was clamped to b';
/** The columns of the first table, if one table would be too wide. The second repeats the number of the task. */
const WHAT_AND_WHERE = ['task', 'route', 'effort'];

/**
 * Formats how tasks ended: one row a task, in one table or, if it would be too wide, in two; then the failures with
 * their remedies. `goals` are those of the batch by index, as far as the caller knows them.
 */
export function outcomeTable(outcomes: readonly Outcome[], goals: readonly string[], width: number): string {
  const isClamped = outcomes.some(({ route }) => route?.effective?.effort_treatment === 'clamped');
  const failures = groupFailures(outcomes).map(({ lines, remedy, members }) =>
    [
      ...lines.map(({ status, code, message, indexes }) => `${tasksText(indexes)} ${status}, ${code}: ${message}`),
      `   what to do: ${remedy}`,
      ...members.filter(({ cleanup }) => cleanup.open > 0).map(openText),
    ].join('\n'),
  );
  return [layOut(outcomes, goals, width), isClamped ? CLAMPED : '', ...failures]
    .filter((text) => text !== '')
    .join('\n\n');
}

/** Formats the answers of the tasks that succeeded, each under the number and the goal of its task. */
export function answerTexts(outcomes: readonly Outcome[], goals: readonly string[]): string[] {
  return outcomes.flatMap((outcome) => {
    if (outcome.status !== 'succeeded') return [];
    const head = `${styleText('bold', taskText(outcome, goals[outcome.index], 100), { stream: process.stdout })}`;
    return [[head, ...answerLines(outcome.answer)].join('\n')];
  });
}

function answerLines({ text, files }: Answer): string[] {
  const lines = printable(text).trimEnd().split(/\r?\n/);
  return [...lines, ...files.map(({ path, bytes }) => `file ${oneLine(path)} (${bytes} bytes)`)].map(
    (line) => `   ${line}`,
  );
}

function layOut(outcomes: readonly Outcome[], goals: readonly string[], width: number): string {
  const showsCleanup = outcomes.some(({ cleanup }) => cleanup.open > 0);
  const rowsWith = (goalShown: number) =>
    outcomes.map((outcome) => rowOf(outcome, taskText(outcome, goals[outcome.index], goalShown), showsCleanup));
  for (const shown of GOALS_SHOWN) {
    const whole = table(rowsWith(shown), { width: Number.POSITIVE_INFINITY });
    if (whole.split('\n').every((line) => textWidth(line) <= width)) return whole;
  }
  const rows = rowsWith(GOALS_SHOWN[0] ?? width);
  const first = rows.map((row) => pick(row, (column) => WHAT_AND_WHERE.includes(column)));
  const second = rows.map((row) => ({
    '#': (row.task ?? '').split(' ')[0] ?? '',
    ...pick(row, (column) => !WHAT_AND_WHERE.includes(column)),
  }));
  return `${table(first, { width })}\n\n${table(second, { width })}`;
}

function pick(row: Row, isWanted: (column: string) => boolean): Row {
  return Object.fromEntries(Object.entries(row).filter(([column]) => isWanted(column)));
}

function taskText({ index }: Outcome, goal: string | undefined, shown: number): string {
  return goal === undefined ? `#${index}` : `#${index} ${clip(oneLine(goal), shown)}`;
}

function rowOf(outcome: Outcome, task: string, showsCleanup: boolean): Row {
  const { route, turns, usage, cleanup } = outcome;
  const attempts = attemptsText(outcome);
  return {
    task,
    route: routeText(route),
    effort: route?.effective ? effortText(route.reasoning_effort, route.effective.reasoning_effort) : '',
    status: statusText(outcome.status),
    turns: String(turns),
    tokens: String(usage.input_tokens + usage.output_tokens),
    cost: taskCostText(outcome),
    ...(showsCleanup && { 'cleaned up': cleanupText(cleanup) }),
    ...(attempts && { attempts }),
  };
}

/** Formats a route as the task wrote it: `provider/model`, or the field that it has. */
export function targetText({ provider, model }: RouteRequest): string {
  return oneLine([provider, model].filter(Boolean).join('/')) || 'nothing';
}

/**
 * Formats the route that was taken, with the requested one before it if that is not its beginning: `fast →
 * openai/gpt-x`.
 */
function routeText(route: RouteAudit | null): string {
  if (!route) return 'unknown';
  const requested = targetText(route.requested);
  if (!route.effective) return `${requested}: no model call`;
  const taken = oneLine(`${route.effective.provider}/${route.effective.model}`);
  const isItsBeginning = requested === 'nothing' || taken === requested || taken.startsWith(`${requested}/`);
  return isItsBeginning ? taken : `${requested} → ${taken}`;
}

/** Formats the effort that was sent, and the requested one if it differs: `minimal → low`. */
export function effortText(asked: ReasoningEffort | undefined, sent: ReasoningEffort | null): string {
  if (asked === undefined) return 'default';
  return asked === sent ? asked : `${asked} → ${sent ?? 'not sent'}`;
}

function statusText(status: Outcome['status']): string {
  return styleText(status === 'succeeded' ? 'green' : 'red', status, { stream: process.stdout });
}

/** Formats how many attempts a task took and why the earlier ones ended: `2: deferred 429`. Empty for one or none. */
function attemptsText({ attempts }: Outcome): string {
  if (attempts.length < 2) return '';
  const whys = attempts.slice(0, -1).flatMap(({ ended = 'lost', failure, times = 1 }) => {
    const why = [ended.replace('_', ' '), failure?.http_status ?? failure?.code].filter(Boolean).join(' ');
    return Array.from({ length: times }, () => why);
  });
  return `${whys.length + 1}: ${counted(whys)}`;
}

/** Formats what a task released and what stayed open: `client, lease, workspace`, `client ×2`, `nothing was held`. */
export function cleanupText({ steps, open }: CleanupRecord): string {
  if (steps.length === 0) return 'nothing was held';
  const kinds = (status: string) => steps.filter((step) => step.status === status).map(({ kind }) => nameOf(kind));
  const released = counted(kinds('released').sort());
  if (open === 0) return released;
  return [released, `${open} STILL OPEN: ${kinds('open').join(', ')}`].filter(Boolean).join('; ');
}

function openText({ index, cleanup }: Outcome): string {
  return `   #${index} cleaned up: ${cleanupText(cleanup)}`;
}

/** A task only ever leases a credential, so the short name is clear. */
function nameOf(kind: string): string {
  return kind === 'credential_lease' ? 'lease' : kind;
}

function counted(texts: string[]): string {
  const same = [...Map.groupBy(texts, (text) => text)];
  return same.map(([text, { length: times }]) => (times === 1 ? text : `${text} ×${times}`)).join(', ');
}
