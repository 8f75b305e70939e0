import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { BatchOptions, BatchSpec, BatchSummary, Counts } from '../src/contract/batch.ts';
import { CleanupRecord, CleanupStep } from '../src/contract/cleanup.ts';
import { ErrandEvent } from '../src/contract/events.ts';
import { Failure, FailureCodeText } from '../src/contract/failure.ts';
import { Answer, Attempt, Outcome } from '../src/contract/outcome.ts';
import { EffectiveRoute, RouteAudit, RouteRequest } from '../src/contract/route.ts';
import { Budget, TaskSpec } from '../src/contract/task.ts';
import { Usage } from '../src/contract/usage.ts';
import { code, tableOf } from './markdown-table.ts';

type Schema = z.core.$ZodType;
type Shape = Readonly<Record<string, Schema>>;

/** A shape of the contract, and the constants (`FILE.CONSTANT`) whose doc comments say what its fields mean. */
type Documented = { readonly options: readonly Shape[]; readonly sources: readonly string[] };

/** The types that have a section or a page of their own. Links start at `docs/`. */
const LINKED = new Map<Schema, string>([
  [TaskSpec, '[task](#task)'],
  [Budget, '[budget](#budget)'],
  [RouteRequest, '[route](#route)'],
  [Counts, '[counts](#summary)'],
  [Answer, '[answer](#answer)'],
  [Attempt, '[attempt](#attempt)'],
  [RouteAudit, '[route audit](#route-audit)'],
  [EffectiveRoute, '[effective route](#route-audit)'],
  [Usage, '[usage](#usage)'],
  [Failure, '[failure](#failure)'],
  [FailureCodeText, '[code](reference/failures.md#all-codes)'],
  [CleanupRecord, '[cleanup record](#cleanup-record)'],
  [CleanupStep, '[step](#cleanup-record)'],
]);

const { tasks } = BatchSpec.options[0].shape;

/** The shapes that a producer writes. */
const WRITTEN: ReadonlySet<string> = new Set(['batch', 'task', 'route', 'budget']);

const SHAPES: Readonly<Record<string, Documented>> = {
  batch: { options: [{ tasks, ...BatchOptions.shape }], sources: ['batch.BatchSpec', 'batch.BatchOptions'] },
  task: { options: [TaskSpec.shape], sources: ['task.TaskSpec', 'route.RouteRequest'] },
  route: { options: [RouteRequest.shape], sources: ['route.RouteRequest'] },
  budget: { options: [Budget.shape], sources: ['task.Budget'] },
  summary: { options: [BatchSummary.shape], sources: ['batch.BatchSummary'] },
  counts: { options: [Counts.shape], sources: ['batch.Counts'] },
  outcome: { options: shapesOf(Outcome), sources: ['outcome.Outcome', 'outcome.common'] },
  answer: { options: [Answer.shape], sources: ['outcome.Answer'] },
  attempt: { options: [Attempt.shape], sources: ['outcome.Attempt'] },
  route_audit: { options: [RouteAudit.shape], sources: ['route.RouteAudit', 'route.ResolvedRoute'] },
  effective_route: { options: [EffectiveRoute.shape], sources: ['route.EffectiveRoute'] },
  usage: { options: [Usage.shape], sources: ['usage.Usage'] },
  failure: { options: [Failure.shape], sources: ['failure.Failure'] },
  cleanup_record: { options: [CleanupRecord.shape], sources: ['cleanup.CleanupRecord'] },
  cleanup_step: { options: [CleanupStep.shape], sources: ['cleanup.CleanupStep'] },
  event: {
    options: shapesOf(ErrandEvent),
    sources: ['events.ErrandEvent', 'events.ofTask', 'events.common', 'events.ofBatch'],
  },
};

/** The generated parts of the page on the contract, by name: the fields of each shape, and the kinds of two of them. */
export const CONTRACT_PARTS: Readonly<Record<string, () => string[]>> = {
  ...Object.fromEntries(
    Object.entries(SHAPES).map(([name, shape]) => [
      name,
      () => fieldTable(shape, WRITTEN.has(name) ? 'required' : 'always'),
    ]),
  ),
  statuses: () => kindTable('status', 'outcome.Outcome'),
  events: () => kindTable('event', 'events.ErrandEvent'),
};

function shapesOf(union: { readonly options: ReadonlyArray<{ readonly shape: Shape }> }): Shape[] {
  return union.options.map(({ shape }) => shape);
}

/** A table of the fields. The field that tells the options of a union apart has a table of its own. */
function fieldTable({ options, sources }: Documented, unmarked: string): string[] {
  const docs = new Map(sources.toReversed().flatMap((source) => [...docsIn(source)]));
  const names = [...new Set(options.flatMap((shape) => Object.keys(shape)))];
  const isKind = (name: string) => new Set(options.map((shape) => kindOf(shape[name]))).size > 1;
  const rows = names
    .filter((name) => !isKind(name))
    .map((name) => fieldRow(name, options, docs.get(name)).map((cell) => cell || unmarked));
  return tableOf([['field', 'type', 'presence', 'meaning'], ...rows]);
}

function fieldRow(name: string, options: readonly Shape[], meaning: string | undefined): string[] {
  if (meaning === undefined) throw new Error(`the field "${name}" in src/contract/ needs a doc comment`);
  const having = options.filter((shape) => name in shape);
  const [schema] = having.flatMap((shape) => shape[name] ?? []);
  if (schema === undefined) throw new Error(`no shape has the field "${name}"`);
  const kinds = having.flatMap((shape) => Object.values(shape).flatMap((field) => kindOf(field) ?? []));
  const only = having.length < options.length ? kinds.map(code) : [];
  return [code(name), typeOf(schema), [...only, ...presenceOf(schema)].join(', '), meaning];
}

/** A table of the options of a union, by the field that tells them apart. */
function kindTable(field: string, source: string): string[] {
  const comments = textOf(source).matchAll(
    new RegExp(`/\\*\\*((?:(?!\\*/)[\\s\\S])*)\\*/\\s*${field}: z\\.literal\\('(\\w+)'\\)`, 'g'),
  );
  const rows = [...comments].map(([, comment = '', value = '']) => [code(value), textOfComment(comment)]);
  return tableOf([[field, 'meaning'], ...rows]);
}

/** The doc comments of the fields of a constant, by field. If a field occurs more than once, its first comment counts. */
function docsIn(source: string): Map<string, string> {
  const comments = textOf(source).matchAll(/\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\s*(\w+)(?=[:,])/g);
  const found = [...comments].map(([, comment = '', field = '']) => [field, textOfComment(comment)] as const);
  return new Map(found.toReversed());
}

/** The statement that declares a constant of `src/contract/`. */
function textOf(source: string): string {
  const [file, constant] = source.split('.');
  const text = readFileSync(join(import.meta.dirname, `../src/contract/${file}.ts`), 'utf8');
  const found = new RegExp(`^(?:export )?const ${constant} = (?:.*;$|[\\s\\S]*?^[})\\]]+.*;$)`, 'm').exec(text)?.[0];
  if (found === undefined) throw new Error(`src/contract/${file}.ts has no constant ${constant}`);
  return found;
}

function textOfComment(comment: string): string {
  return comment.replace(/\n? *\*? +/g, ' ').trim();
}

function presenceOf(schema: Schema): string[] {
  const { def } = (schema as z.core.$ZodTypes)._zod;
  if (def.type === 'default') return [`default ${code(String(def.defaultValue))}`];
  return def.type === 'optional' ? ['optional'] : [];
}

function typeOf(schema: Schema): string {
  const { def } = (schema as z.core.$ZodTypes)._zod;
  const linked = LINKED.get(schema);
  if (linked !== undefined) return linked;
  if (def.type === 'optional' || def.type === 'default') return typeOf(def.innerType);
  if (def.type === 'nullable') return `${typeOf(def.innerType)} or ${code('null')}`;
  if (def.type === 'array') return `list of ${typeOf(def.element)}`;
  if (def.type === 'enum') return Object.values(def.entries).map(String).map(code).join(', ');
  if (def.type === 'literal') return def.values.map(String).map(code).join(', ');
  if (def.type === 'object') return `object with ${Object.keys(def.shape).map(code).join(', ')}`;
  if (def.type === 'record') return 'JSON object';
  return scalarOf(z.toJSONSchema(schema as z.ZodType, { io: 'input' }));
}

function scalarOf(schema: z.core.JSONSchema.BaseSchema): string {
  const { type, format, minLength, maxLength, minimum, exclusiveMinimum, maximum } = schema;
  if (format === 'date-time') return 'time';
  if (type === 'string') return maxLength === undefined ? 'text' : `text, ${rangeOf(minLength, maxLength)} characters`;
  const isWhole = type === 'integer';
  const min = exclusiveMinimum === 0 ? (isWhole ? 1 : 'above 0') : minimum;
  const range = rangeOf(min, maximum);
  return `${isWhole ? 'whole number' : String(type)}${range === '' ? '' : `, ${range}`}`;
}

/** The limits of a number. The limits of every whole number in JSON are left out. */
function rangeOf(min: number | string | undefined, max: number | undefined): string {
  const isLimit = (limit: unknown) => typeof limit === 'number' && Math.abs(limit) < Number.MAX_SAFE_INTEGER;
  const above = isLimit(max) ? `up to ${max?.toLocaleString('en')}` : '';
  if (typeof min === 'string') return above === '' ? min : `${min}, ${above}`;
  if (!min || !isLimit(min)) return above;
  return above === '' ? `at least ${min.toLocaleString('en')}` : above.replace('up', `${min.toLocaleString('en')}`);
}

/** The value of a field that tells the options of a union apart. */
function kindOf(schema: Schema | undefined): string | undefined {
  const def = (schema as z.core.$ZodTypes | undefined)?._zod.def;
  return def?.type === 'literal' && typeof def.values[0] === 'string' ? def.values[0] : undefined;
}
