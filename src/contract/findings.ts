import type { z } from 'zod';
import { clip } from '../base/text.ts';
import { ErrandError, type Problem } from '../errors.ts';
import { typeOf } from './plain-json.ts';
import { RouteRequest } from './route.ts';
import { knownNames } from './schema-words.ts';
import { Budget } from './task.ts';

const MAX_PROBLEMS = 100;
const MAX_PATH = 200;
/** Names of fields that belong to a provider: keys, addresses, headers. */
const PRIVATE_FIELD =
  /^(api_?key|base_?url|key_?env|api_?mode|credentials?(_cfg)?|request_overrides|extra_(body|headers)|headers|token|secret|password)$/i;

const NO_SCHEMA =
  'answers are not checked against a schema; describe the form in the goal and check the answer yourself';
/** Fields of other systems that mean something here by another name, or that have no counterpart. */
const HINTS: Readonly<Record<string, string>> = {
  response_format: NO_SCHEMA,
  json_schema: NO_SCHEMA,
  schema: NO_SCHEMA,
  tools: 'did you mean toolsets? A task names toolsets that its worker has',
  prompt: 'did you mean goal?',
  messages: 'a task takes no messages; write goal and context',
  system: 'did you mean context?',
  instructions: 'did you mean context?',
  system_prompt: 'did you mean context?',
  max_tokens: 'did you mean budget.tokens?',
  max_turns: 'did you mean budget.turns?',
  timeout: 'did you mean budget.seconds?',
  concurrency: 'did you mean max_concurrent?',
  temperature: 'a route has no temperature; it has provider, model and reasoning_effort',
};

/** Receives what was read in another way than it was written, and what is refused. Paths are within one object. */
export type Report = { warn: (text: string) => void; refuse: (path: string, message: string) => void };

/** The fields of the objects inside a batch, by the name of the object. */
const NESTED_FIELDS: Record<string, readonly string[]> = {
  defaults: Object.keys(RouteRequest.shape),
  parent: Object.keys(RouteRequest.shape),
  budget: Object.keys(Budget.shape),
};

/** Collects the problems of one batch; a full list ends the search, so that hostile input stays cheap. */
export class Findings {
  readonly problems: Problem[] = [];
  readonly #warnings: string[] = [];
  /** Number of tasks that a warning is about, by its text. */
  readonly #ofTasks = new Map<string, number>();

  add(path: string, message: string, index?: number, code?: Problem['code']): void {
    if (this.isFull) return;
    const where = { path: clip(path, MAX_PATH), message, ...(index !== undefined && { index }) };
    this.problems.push({ ...where, ...(code !== undefined && { code }) });
  }

  warn(warning: string): void {
    this.#warnings.push(warning);
  }

  /** Reports what is found in the object at the path `at`; with an index, in a task. */
  reportAt(at: string, index?: number): Report {
    return {
      warn: (text) => (index === undefined ? this.warn(joinPath(at, text)) : this.#warnInTask(text)),
      refuse: (path, message) => this.add(joinPath(at, path), message, index),
    };
  }

  /** Counts a warning about a task. Different texts are limited, so that hostile input stays cheap. */
  #warnInTask(text: string): void {
    const counted = this.#ofTasks.has(text) || this.#ofTasks.size < MAX_PROBLEMS ? text : 'more warnings of this kind';
    this.#ofTasks.set(counted, (this.#ofTasks.get(counted) ?? 0) + 1);
  }

  /** All warnings. A warning about several tasks is listed once, with the number of its tasks. */
  get warnings(): string[] {
    const ofTasks = [...this.#ofTasks].map(([text, count]) => {
      const tasks = count === 1 ? '1 task' : `${count.toLocaleString('en-US')} tasks`;
      return `${text} (in ${tasks})`;
    });
    return [...this.#warnings, ...ofTasks];
  }

  get isFull(): boolean {
    return this.problems.length >= MAX_PROBLEMS;
  }

  /** Adds the problems that a schema found at the path `at`. `fields`: the known fields there. */
  addIssues(issues: readonly z.core.$ZodIssue[], at: string, fields: readonly string[], index?: number): void {
    for (const issue of issues) {
      const path = joinPath(at, issue.path.map(String).join('.'));
      if (issue.code !== 'unrecognized_keys') {
        this.add(path, issue.message, index);
        continue;
      }
      const parent = String(issue.path.at(-1));
      const known = (Object.hasOwn(NESTED_FIELDS, parent) && NESTED_FIELDS[parent]) || fields;
      for (const key of issue.keys) {
        const held = PRIVATE_FIELD.test(key) ? '' : workIn(issue.input?.[key]);
        const message = held ? `unknown field; move what it holds one level up: ${held}` : unknownField(key, known);
        this.add(joinPath(path, clip(key, 60)), message, index);
      }
    }
  }

  /** @throws ErrandError `BATCH_INVALID` or `ROUTE_UNSUPPORTED` if anything was found; see {@link batchInvalid}. */
  throwIfAny(): void {
    if (this.problems.length > 0) throw batchInvalid(this.problems, this.warnings);
  }
}

/**
 * Makes the error of a batch that is refused: its message is the first problem and the number of the others. If all
 * problems are routes that the deployment does not offer, its code is `ROUTE_UNSUPPORTED`, as in the outcome of such a
 * task. It also has the warnings, because they may explain a problem.
 */
export function batchInvalid(problems: Problem[], warnings: string[] = []): ErrandError {
  const isUnsupported = problems.length > 0 && problems.every(({ code }) => code === 'ROUTE_UNSUPPORTED');
  const [first] = problems;
  const more = problems.length > 1 ? ` (and ${problems.length - 1} more)` : '';
  return new ErrandError(
    isUnsupported ? 'ROUTE_UNSUPPORTED' : 'BATCH_INVALID',
    `${first?.path || 'batch'}: ${first?.message}${more}`,
    { problems, warnings },
  );
}

/** Joins two paths, either of which may be empty. */
export function joinPath(at: string, path: string): string {
  return [at, path].filter(Boolean).join('.');
}

/** Returns the index of the task in a path such as `tasks[3].goal`. */
export function indexIn(path: string): number | undefined {
  const [, index] = /^tasks\[(\d+)\]/.exec(path) ?? [];
  return index === undefined ? undefined : Number(index);
}

/** Lists the fields of a batch that are inside another object, such as the arguments of a whole tool call. */
function workIn(value: unknown): string {
  if (typeOf(value) !== 'object') return '';
  return ['tasks', 'goal'].filter((name) => Object.hasOwn(Object(value), name)).join(', ');
}

/** Returns the message about an unknown field. For a key or an address it does not repeat the value. */
export function unknownField(key: string, fields: readonly string[]): string {
  if (PRIVATE_FIELD.test(key)) {
    return 'refused: keys and addresses never travel in a batch; a route names a provider, which owns both';
  }
  const hint = Object.hasOwn(HINTS, key) ? HINTS[key] : undefined;
  return hint === undefined ? `unknown field${knownNames([key], fields)}` : `unknown field; ${hint}`;
}
