import { asList, fieldOf, isObject, listOf } from '../base/foreign.ts';
import type { ToolDefinition } from '../providers/model.ts';

/**
 * The keywords that OpenAI refuses at the top of the parameters. Anthropic refuses the first three. One such tool makes
 * a vendor refuse the whole request.
 */
const REFUSED_AT_TOP = ['anyOf', 'oneOf', 'allOf', 'not', 'enum', 'const'];

/** The keywords whose value is a schema, a list of schemas, and schemas by name. */
const WITH_SCHEMA = new Set(['items', 'additionalProperties', 'not', 'if', 'then', 'else', 'contains']);
const WITH_LIST = new Set(['anyOf', 'oneOf', 'allOf', 'prefixItems']);
const WITH_NAMES = new Set(['properties', 'patternProperties', '$defs', 'definitions', 'dependentSchemas']);

/**
 * Returns the definition of a tool as every vendor accepts it; its parameters are a JSON Schema of an object.
 *
 * Vendors check parameters as JSON Schema 2020-12 and refuse some valid schemas. So `$schema` is left out, `properties`
 * and `items` are added if they are missing, and keywords that are refused at the top level move into the description,
 * for the model to read. Everything else is unchanged.
 */
export function shownTool({ name, description, parameters }: ToolDefinition): ToolDefinition {
  const { $schema: _, ...schema } = parameters;
  const refused = Object.entries(schema).filter(([word]) => REFUSED_AT_TOP.includes(word));
  const kept = Object.entries(schema).filter(([word]) => !REFUSED_AT_TOP.includes(word));
  const branches = ['anyOf', 'oneOf', 'allOf'].flatMap((word) => listOf(schema, word));
  const properties = Object.assign(
    {},
    ...branches.map((branch) => fieldOf(branch, 'properties')),
    fieldOf(schema, 'properties'),
  );
  const rule = `\n\nThe arguments must also fit this JSON Schema: ${JSON.stringify(Object.fromEntries(refused))}`;
  const shown = { ...Object.fromEntries(kept), type: 'object', properties };
  return {
    name,
    description: refused.length === 0 ? description : `${description}${rule}`,
    parameters: Object.fromEntries(wordsOf(shown)),
  };
}

function wordsOf(schema: object): [string, unknown][] {
  const words = Object.entries(schema).map(([word, value]): [string, unknown] => [word, shownWord(word, value)]);
  const isArray = asList([fieldOf(schema, 'type')].flat()).includes('array');
  const items = fieldOf(schema, 'items');
  // Up to draft 7, a list of items described the first places.
  if (Array.isArray(items)) return [...words, ['prefixItems', items.map(whole)], ['items', {}]];
  return isArray && items === undefined ? [...words, ['items', {}]] : words;
}

function shownWord(word: string, value: unknown): unknown {
  if (WITH_SCHEMA.has(word)) return whole(value);
  if (WITH_LIST.has(word)) return asList(value).map(whole);
  if (!WITH_NAMES.has(word) || !isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, schema]) => [name, whole(schema)]));
}

function whole(schema: unknown): unknown {
  return isObject(schema) ? Object.fromEntries(wordsOf(schema)) : schema;
}
