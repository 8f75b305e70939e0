import { quoted } from '../base/text.ts';
import { BatchOptions } from './batch.ts';
import type { Report } from './findings.ts';
import { isHermesToolset } from './hermes-toolsets.ts';
import { typeOf } from './plain-json.ts';
import { type Fields, readRouteFields, withoutNulls } from './route-forms.ts';
import { gotNamed } from './schema-words.ts';
import { TaskSpec } from './task.ts';

/** Fields without an effect in Errand. Each of them adds a warning, whatever its value. */
const IGNORED = new Set(['role', 'max_iterations', 'background', 'acp_command', 'acp_args', 'group', 'model_hint']);

/** Fields that may be `null`. The goal may not: a task without a goal has nothing to do. */
const OPTIONAL = [...Object.keys(BatchOptions.shape), ...Object.keys(TaskSpec.shape), 'tasks'].filter(
  (name) => name !== 'goal',
);

/** A rule returns why a value is refused, or `null` if the field can be left out with a warning. */
const RULES: Readonly<Record<string, (value: unknown) => string | null>> = {
  action: (value) => {
    if (value === 'spawn' || isEmpty(value)) return null;
    if (value === 'stop') return 'refused: enqueue starts work only; to end a batch or a task, cancel it by its id';
    if (value === 'list') return 'refused: enqueue starts work only; to see a batch, read its status by its id';
    if (value === 'steer') return 'refused: enqueue starts work only, and a running task takes no messages';
    return `expected "spawn", got ${wordOr(value)}`;
  },
  subagent_id: (value) => (isEmpty(value) ? null : 'refused: it belongs to the actions "steer" and "stop"'),
  message: (value) => (isEmpty(value) ? null : 'refused: it belongs to the action "steer"'),
  images: (value) => {
    if (isEmpty(value)) return null;
    if (typeof value !== 'string' && !Array.isArray(value)) return `expected a list of strings, got ${gotNamed(value)}`;
    return 'refused: a task takes no images; describe them in its context';
  },
  output_schema: (value) => {
    if (value === null || (typeOf(value) === 'object' && Object.keys(Object(value)).length === 0)) return null;
    if (typeOf(value) !== 'object') return `expected a JSON Schema object, got ${gotNamed(value)}`;
    return 'refused: answers are not checked against a schema; describe the form in the goal and check the answer yourself';
  },
  context_turns: (value) => {
    const isNumber = typeof value === 'number' && Number.isInteger(value) && value > 0;
    if (isNumber || isEmpty(value)) return null;
    if (typeof value === 'string' && /^(none|all|[1-9]\d*)$/.test(value)) return null;
    return `expected "none", "all" or the text of a whole number above 0, got ${wordOr(value)}`;
  },
  fallback_providers: refuseFallback,
  fallback_chain: refuseFallback,
  fallback_model: refuseFallback,
};

function wordOr(value: unknown): string {
  return typeof value === 'string' ? quoted(value) : gotNamed(value);
}

function refuseFallback(value: unknown): string | null {
  return isEmpty(value) ? null : 'refused: a task never changes to another route; leave the field out';
}

/** Tells whether a value says nothing: `null`, blank text, or an empty list or object. */
function isEmpty(value: unknown): boolean {
  if (typeof value === 'string') return value.trim() === '';
  return value === null || (typeof value === 'object' && Object.keys(value).length === 0);
}

/**
 * Reads the arguments of a call of `delegate_task`, or one of its tasks, and returns the fields of a batch or a task of
 * Errand. Fields without an effect are left out with a warning. Fields that would change the meaning are refused by
 * name.
 */
export function readPayload(given: Fields, report: Report): Fields {
  const kept: Fields = {};
  for (const [name, value] of Object.entries(withoutNulls(given, OPTIONAL, report))) {
    const rule = Object.hasOwn(RULES, name) ? RULES[name] : undefined;
    const reason = rule?.(value) ?? null;
    if (reason !== null) report.refuse(name, reason);
    else if (rule || IGNORED.has(name)) report.warn(`${name}: accepted and ignored`);
    else kept[name] = value;
  }
  if (Array.isArray(kept.toolsets)) kept.toolsets = readToolsets(kept.toolsets, report);
  return readRouteFields(kept, report);
}

/**
 * Toolsets of Hermes are left out with a warning. All other names stay: the schema and the workers say whether they
 * exist.
 */
function readToolsets(names: readonly unknown[], { warn }: Report): unknown[] {
  return names.filter((name) => {
    if (typeof name !== 'string' || !isHermesToolset(name)) return true;
    warn(`toolsets: ${quoted(name)} is a toolset of Hermes and ignored`);
    return false;
  });
}
