import { Ajv2020 } from 'ajv/dist/2020.js';
import { asList, type ForeignObject, fieldOf, isObject, listOf, wordOf } from '../../src/base/foreign.ts';
import type { Wire } from '../../src/contract/route.ts';

/** The names that OpenAI and Anthropic accept. */
const NAME = /^[a-zA-Z0-9_-]{1,64}$/;

/** OpenAI accepts at most 128 functions. */
const MAX_TOOLS = 128;

/** The keywords that each vendor refuses at the top of the parameters. Both accept them inside. */
const REFUSED_AT_TOP: Record<Wire, readonly string[]> = {
  chat: ['oneOf', 'anyOf', 'allOf', 'enum', 'const', 'not'],
  responses: ['oneOf', 'anyOf', 'allOf', 'enum', 'const', 'not'],
  messages: ['oneOf', 'anyOf', 'allOf'],
};

/** The fields of a tool on each wire. An unknown field is refused. */
const FIELDS: Record<Wire, readonly string[]> = {
  chat: ['type', 'function'],
  responses: ['type', 'name', 'description', 'parameters', 'strict'],
  messages: ['name', 'description', 'input_schema', 'cache_control', 'type'],
};
const FUNCTION_FIELDS = ['name', 'description', 'parameters', 'strict'];

/** The keywords with one schema, with a list of schemas, and with schemas by name. */
const ONE = ['items', 'additionalProperties', 'not', 'if', 'then', 'else', 'contains', 'propertyNames'];
const LIST = ['anyOf', 'oneOf', 'allOf', 'prefixItems'];
const NAMED = ['properties', 'patternProperties', '$defs', 'definitions', 'dependentSchemas'];

/** A tool as any wire sends it. */
type SentTool = { name: string; description: string; parameters: unknown; strict: unknown };

/**
 * Checks the tools of a request as strictly as its vendor does, and returns the problems. `body` is the JSON of the
 * request. A test passes the `wire` and the `body` of a request in the log of the simulator.
 */
export function toolProblems({ wire, body }: { wire: Wire | null; body: string }): string[] {
  if (wire === null) return ['the request has no wire'];
  const tools = fieldOf(JSON.parse(body), 'tools');
  if (tools === undefined) return [];
  if (!Array.isArray(tools) || tools.length === 0) return ['tools: expected at least one tool, or no field'];
  const problems = tools.flatMap((tool, at) => problemsOf(wire, tool).map((problem) => `tools[${at}]: ${problem}`));
  const names = tools.map((tool) => sentOf(wire, tool).name);
  const twice = names.find((name, at) => names.indexOf(name) < at);
  if (twice !== undefined) problems.push(`tools: the name "${twice}" is used twice`);
  if (wire !== 'messages' && tools.length > MAX_TOOLS) problems.push(`tools: ${tools.length} tools`);
  return problems;
}

function problemsOf(wire: Wire, tool: unknown): string[] {
  if (!isObject(tool)) return ['expected an object'];
  const { name, description, parameters, strict } = sentOf(wire, tool);
  const problems = unknownFields(tool, FIELDS[wire]);
  if (wire === 'chat') problems.push(...unknownFields(tool.function, FUNCTION_FIELDS));
  const type = fieldOf(tool, 'type');
  if (wire === 'messages' ? type !== undefined && type !== 'custom' : type !== 'function') problems.push('wrong type');
  if (!NAME.test(name)) problems.push(`the name ${JSON.stringify(name)} does not match ${NAME}`);
  if (description.trim() === '') problems.push('no description');
  // A strict function must name every property as required, and must not have most keywords.
  if (strict === true || (wire === 'responses' && strict === undefined)) problems.push('strict is not false');
  return [...problems, ...schemaProblems(wire, parameters)];
}

function sentOf(wire: Wire, tool: unknown): SentTool {
  const holder = wire === 'chat' ? fieldOf(tool, 'function') : tool;
  const parameters = fieldOf(holder, wire === 'messages' ? 'input_schema' : 'parameters');
  const strict = fieldOf(holder, 'strict');
  return { name: wordOf(holder, 'name'), description: wordOf(holder, 'description'), parameters, strict };
}

function schemaProblems(wire: Wire, parameters: unknown): string[] {
  if (!isObject(parameters)) return ['the parameters are not an object'];
  const problems = REFUSED_AT_TOP[wire].filter((word) => word in parameters).map((word) => `${word} at the top level`);
  if (parameters.type !== 'object') problems.push('the type of the parameters is not object');
  if (wire !== 'messages') problems.push(...openaiProblems(parameters));
  return [...problems, ...metaProblems(parameters)];
}

/** OpenAI refuses parameters without `properties`, and an array without `items`, anywhere in the schema. */
function openaiProblems(parameters: ForeignObject): string[] {
  const missing = isObject(parameters.properties) ? [] : ['object schema missing properties'];
  const arrays = schemasIn(parameters, '').filter(({ schema }) => {
    return asList([schema.type].flat()).includes('array') && schema.items === undefined;
  });
  return [...missing, ...arrays.map(({ at }) => `array schema missing items: ${at}`)];
}

type Found = { schema: ForeignObject; at: string };

function schemasIn(schema: unknown, at: string): Found[] {
  if (!isObject(schema)) return [];
  const one = ONE.flatMap((word) => schemasIn(schema[word], `${at}/${word}`));
  const list = LIST.flatMap((word) =>
    listOf(schema, word).flatMap((inner, i) => schemasIn(inner, `${at}/${word}/${i}`)),
  );
  const named = NAMED.flatMap((word) => {
    return Object.entries(Object(schema[word])).flatMap(([name, inner]) => schemasIn(inner, `${at}/${word}/${name}`));
  });
  return [{ schema, at }, ...one, ...list, ...named];
}

/** Anthropic checks parameters against JSON Schema 2020-12. Every `$ref` must be found in the same schema. */
function metaProblems(parameters: ForeignObject): string[] {
  const { $schema: _, ...schema } = parameters;
  const ajv = new Ajv2020({ strict: false, validateFormats: false, logger: false });
  try {
    ajv.compile(schema);
    return [];
  } catch (error) {
    return [`not a JSON Schema of 2020-12: ${error instanceof Error ? error.message : String(error)}`];
  }
}

function unknownFields(value: unknown, known: readonly string[]): string[] {
  return Object.keys(Object(value))
    .filter((name) => !known.includes(name))
    .map((name) => `unknown field ${name}`);
}
