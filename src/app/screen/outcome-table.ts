import { styleText } from 'node:util';
import { clip, oneLine } from '../../base/text.ts';
import type { CleanupRecord } from '../../contract/cleanup.ts';
import { taskCostText } from '../../contract/cost-text.ts';
import type { ReasoningEffort } from '../../contract/effort.ts';
import type { Outcome } from '../../contract/outcome.ts';
import type { RouteAudit, RouteRequest } from '../../contract/route.ts';
import { type Row, table, textWidth } from './table.ts';

const GOAL_SHOWN = 38;
const CLAMPED = 'effort a → b: the model does not take a, so it was clamped to b';
/** Columns of the first of two tables, where one would be too wide; the second repeats the number of the task. */
const WHAT_AND_WHERE = ['task', 'requested', 'effective', 'effort'];

/**
 * Lays out how tasks ended: one row a task, in one table or, where that is too wide, in two; then each failure with its
 * remedy. `goals` are those of the batch by index, as far as the caller knows them.
 */
export function outcomeTable(outcomes: readonly Outcome[], goals: readonly string[], width: number): string {
  const rows = outcomes.map((outcome) => rowOf(outcome, goals[outcome.index]));
  const isClamped = outcomes.some(({ route }) => route?.effective?.effort_treatment === 'clamped');
  const failures = outcomes.map(failureText);
  return [layOut(rows, width), isClamped ? CLAMPED : '', ...failures].filter((text) => text !== '').join('\n\n');
}

function layOut(rows: Row[], width: number): string {
  const whole = table(rows, { width: Number.POSITIVE_INFINITY });
  if (whole.split('\n').every((line) => textWidth(line) <= width)) return whole;
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

function rowOf(outcome: Outcome, goal: string | undefined): Row {
  const { index, route, turns, usage, cleanup } = outcome;
  const attempts = attemptsText(outcome);
  return {
    task: [`#${index}`, goal && clip(oneLine(goal), GOAL_SHOWN)].filter(Boolean).join(' '),
    requested: route ? targetText(route.requested) : 'unknown',
    effective: effectiveText(route),
    effort: route?.effective ? effortText(route.reasoning_effort, route.effective.reasoning_effort) : '',
    status: statusText(outcome.status),
    turns: String(turns),
    tokens: String(usage.input_tokens + usage.output_tokens),
    cost: taskCostText(outcome),
    'cleaned up': cleanupText(cleanup),
    ...(attempts && { attempts }),
  };
}

/** Where a route as written leads; what was left out does not appear. */
export function targetText({ provider, model }: RouteRequest): string {
  return oneLine([provider, model].filter(Boolean).join('/')) || 'nothing';
}

function effectiveText(route: RouteAudit | null): string {
  if (!route?.effective) return 'none: no child was built';
  return oneLine(`${route.effective.provider}/${route.effective.model}`);
}

/** The effort that was sent, and what was asked for where that is something else: `minimal → low`. */
export function effortText(asked: ReasoningEffort | undefined, sent: ReasoningEffort | null): string {
  if (asked === undefined) return 'default';
  return asked === sent ? asked : `${asked} → ${sent ?? 'not sent'}`;
}

function statusText(status: Outcome['status']): string {
  return styleText(status === 'succeeded' ? 'green' : 'red', status, { stream: process.stdout });
}

/** How many attempts a task took and why the earlier ones ended: `2: deferred 429`. Empty for one or none. */
function attemptsText({ attempts }: Outcome): string {
  if (attempts.length < 2) return '';
  const whys = attempts.slice(0, -1).flatMap(({ ended = 'lost', failure, times = 1 }) => {
    const why = [ended.replace('_', ' '), failure?.http_status ?? failure?.code].filter(Boolean).join(' ');
    return Array.from({ length: times }, () => why);
  });
  return `${whys.length + 1}: ${counted(whys)}`;
}

/** What a task gave back, and what it did not: `client, lease, workspace`, `client ×2`, `nothing was held`. */
export function cleanupText({ steps, open }: CleanupRecord): string {
  if (steps.length === 0) return 'nothing was held';
  const kinds = (status: string) => steps.filter((step) => step.status === status).map(({ kind }) => nameOf(kind));
  const given = counted(kinds('released').sort());
  if (open === 0) return given;
  return [given, `${open} STILL OPEN: ${kinds('open').join(', ')}`].filter(Boolean).join('; ');
}

/** A credential is never acquired, only leased, so the short word says enough. */
function nameOf(kind: string): string {
  return kind === 'credential_lease' ? 'lease' : kind;
}

function counted(texts: string[]): string {
  const same = [...Map.groupBy(texts, (text) => text)];
  return same.map(([text, { length: times }]) => (times === 1 ? text : `${text} ×${times}`)).join(', ');
}

function failureText(outcome: Outcome): string {
  if (outcome.status === 'succeeded') return '';
  const { code, message, remedy } = outcome.failure;
  return [
    `#${outcome.index} ${outcome.status}, ${code}: ${oneLine(message)}`,
    `   what to do: ${oneLine(remedy)}`,
    `   cleaned up: ${cleanupText(outcome.cleanup)}`,
  ].join('\n');
}
