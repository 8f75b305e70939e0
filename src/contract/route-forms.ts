import { quoted } from '../base/text.ts';
import { REASONING_EFFORTS } from './effort.ts';
import { type Report, unknownField } from './findings.ts';
import { typeOf } from './plain-json.ts';
import { RouteRequest } from './route.ts';
import { gotNamed } from './schema-words.ts';

/** Fields of an object that came from outside. */
export type Fields = Record<string, unknown>;

/** Tells whether a value is an object with fields, and neither a list nor `null`. */
export function isFields(value: unknown): value is Fields {
  return typeOf(value) === 'object';
}

/** Copies the fields of these names that are present. */
export function pick(fields: Fields, names: readonly string[]): Fields {
  return Object.fromEntries(names.filter((name) => fields[name] !== undefined).map((name) => [name, fields[name]]));
}

export const ROUTE_FIELDS = Object.keys(RouteRequest.shape);
/** The fields of a `model` that is an object. `default` is another name of `model`, as in configurations of Hermes. */
const MODEL_FIELDS = ['provider', 'model', 'default'];
/** Words for an effort in payloads of `delegate_task`, beside the names of the levels. */
const EFFORT_WORDS: Readonly<Record<string, string>> = { ultra: 'max', false: 'none', disabled: 'none' };
/** The maximum length of a word for an effort, with spaces around it. */
const MAX_WORD_CHARS = 100;
const LEVELS: readonly string[] = REASONING_EFFORTS;

/**
 * Reads every form of a route that a payload may have, and returns the fields of {@link RouteRequest}: a `model` that
 * is an object, a provider `custom:<name>`, other words for an effort, and `null` for an absent field. The result does
 * not depend on a configuration. A field that is refused is left out, and so is an address or a key, which is not
 * repeated.
 */
export function readRouteFields(fields: Fields, report: Report): Fields {
  if (!ROUTE_FIELDS.some((name) => name in fields)) return present(fields);
  const { provider, model, reasoning_effort, ...others } = withoutNulls(fields, ROUTE_FIELDS, report);
  const own = readProvider(provider, 'provider', report);
  const named = typeOf(model) === 'object' ? readModelObject(Object(model), report) : { model };
  const text = readModel(named.model, report);
  const effort = readEffort(reasoning_effort, report);
  if (own !== undefined && named.provider !== undefined && own !== named.provider) {
    const names = [own, named.provider].map((name) => (typeof name === 'string' ? quoted(name) : typeOf(name)));
    report.refuse(
      'provider',
      `conflict: provider says ${names[0]}, model.provider says ${names[1]}; write one of them`,
    );
  }
  return present({ ...others, provider: own ?? named.provider, model: text, reasoning_effort: effort });
}

/**
 * Leaves out known fields that are `null`, with a warning: a model that fills in a form writes `null` for "nothing".
 */
export function withoutNulls(fields: Fields, known: readonly string[], { warn }: Report): Fields {
  const isAbsent = (name: string) => fields[name] === null && known.includes(name);
  const absent = Object.keys(fields).filter(isAbsent);
  for (const name of absent) warn(`${name}: null is read as an absent field`);
  return absent.length === 0 ? fields : Object.fromEntries(Object.entries(fields).filter(([name]) => !isAbsent(name)));
}

function present(fields: Fields): Fields {
  if (Object.values(fields).every((value) => value !== undefined)) return fields;
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

/** Warns about spaces around a model, which the schema removes. */
function readModel(model: unknown, { warn }: Report): unknown {
  if (typeof model !== 'string' || model.trim() === '' || model.trim() === model) return model;
  warn(`model: ${quoted(model)} is read without the spaces around it`);
  return model.trim();
}

function readProvider(provider: unknown, path: string, { warn, refuse }: Report): unknown {
  if (typeOf(provider) === 'object') {
    refuse(
      path,
      'refused: expected the name of a provider, got an object; its address and key belong to the configuration',
    );
    return undefined;
  }
  if (typeof provider !== 'string') return provider;
  if (provider.includes('://')) {
    refuse(path, 'refused: expected the name of a provider, got an address; addresses belong to the configuration');
    return undefined;
  }
  const [, name] = /^custom:([^:]+)$/.exec(provider) ?? [];
  if (name === undefined) return provider;
  warn(`${path}: ${quoted(provider)} is read as ${quoted(name)}`);
  return name;
}

function readModelObject(fields: Fields, report: Report): { provider?: unknown; model?: unknown } {
  const inside = {
    warn: (text: string) => report.warn(`model.${text}`),
    refuse: (path: string, message: string) => report.refuse(`model.${path}`, message),
  };
  const { provider, model, default: byDefault, ...others } = withoutNulls(fields, MODEL_FIELDS, inside);
  for (const name of Object.keys(others)) inside.refuse(name, unknownField(name, MODEL_FIELDS));
  if (model !== undefined && byDefault !== undefined && model !== byDefault) {
    inside.refuse('default', 'conflict: model.model and model.default differ; write one of them');
  }
  const text = model ?? byDefault;
  if (text !== undefined && typeof text !== 'string')
    inside.refuse('model', `expected a string, got ${gotNamed(text)}`);
  const name = readProvider(provider, 'provider', inside);
  if (name === undefined && text === undefined)
    report.refuse('model', 'expected provider, model or both in the object');
  return { provider: name, model: typeof text === 'string' ? text : undefined };
}

/** Unknown words are returned as they are: the schema refuses them with the list of levels. */
function readEffort(effort: unknown, { warn }: Report): unknown {
  if (effort === true || (typeof effort === 'string' && effort.trim() === '')) {
    warn(`reasoning_effort: ${JSON.stringify(effort)} is read as no preference`);
    return undefined;
  }
  if (typeof effort !== 'string' && effort !== false) return effort;
  if (String(effort).length > MAX_WORD_CHARS) return effort;
  const word = String(effort).trim().toLowerCase();
  const level = Object.hasOwn(EFFORT_WORDS, word) ? EFFORT_WORDS[word] : word;
  if (level === undefined || level === effort || !LEVELS.includes(level)) return effort;
  warn(`reasoning_effort: ${typeof effort === 'string' ? quoted(effort) : effort} is read as "${level}"`);
  return level;
}
