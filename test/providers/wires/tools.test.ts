import { afterEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { defineTool, type ObjectSchema } from '../../../src/agent/tool.ts';
import { WorkspaceLimits } from '../../../src/contract/limits.ts';
import type { Wire } from '../../../src/contract/route.ts';
import type { Simulator } from '../../../src/entries/simulator.ts';
import { workspaceToolset } from '../../../src/tools/workspace/toolset.ts';
import { toolProblems } from '../../helpers/tool-schema-check.ts';
import { ask, modelOf, providerAt, simulate, WIRES } from '../models.ts';

let sim: Simulator;
afterEach(() => sim?.close());

const Node = z.object({
  value: z.string(),
  get children() {
    return z.array(Node).optional();
  },
});
const zod = z.strictObject({
  by: z.discriminatedUnion('kind', [
    z.object({ kind: z.literal('id'), id: z.number().int() }),
    z.object({ kind: z.literal('name'), name: z.string().min(1) }),
  ]),
  tree: Node,
  pair: z.tuple([z.string(), z.number()]),
  note: z.string().nullable(),
  extra: z.record(z.string(), z.unknown()),
});
const schema: ObjectSchema = {
  type: 'object',
  properties: {
    id: { $ref: '#/$defs/id' },
    list: { type: ['array', 'null'] },
    either: { oneOf: [{ type: 'string' }, { $ref: '#/$defs/point' }] },
  },
  anyOf: [{ required: ['id'] }, { required: ['list'], properties: { why: { type: 'string' } } }],
  additionalProperties: false,
  $defs: {
    id: { type: 'integer', minimum: 1 },
    point: { type: 'object', properties: { x: { type: 'number' } }, additionalProperties: false },
  },
};
const draft7: ObjectSchema = {
  $schema: 'http://json-schema.org/draft-07/schema#',
  type: 'object',
  properties: { range: { type: 'array', items: [{ $ref: '#/definitions/end' }, { $ref: '#/definitions/end' }] } },
  definitions: { end: { type: 'number' } },
};
const tools = [{ type: 'object' as const }, zod, schema, draft7].map((parameters, at) =>
  defineTool({
    name: `tool_${at}`,
    description: 'Does something.',
    class: 'read',
    parameters: parameters as ObjectSchema,
    run: () => '',
  }),
);
const workspace = workspaceToolset({ workspaceRoot: '/tmp/errand', limits: WorkspaceLimits.parse({}) });
const definitions = [...tools, ...(workspace.tools ?? [])].map(({ definition }) => definition);

function sentTo(wire: Wire): { wire: Wire; body: string; tools: Record<string, unknown>[] } {
  const { body } = sim.requests()[0] ?? { body: '{}' };
  return { wire, body, tools: JSON.parse(body).tools };
}

describe.each(WIRES)('tools on the %s wire', (wire) => {
  test('pass the strict check of the vendor; unions and references stay', async () => {
    sim = await simulate({ text: 'ok' });
    const { model } = modelOf(providerAt(wire, sim.url));
    await model.turn(ask('Go', { tools: definitions }), new AbortController().signal);
    const sent = sentTo(wire);
    expect(toolProblems(sent)).toEqual([]);
    const parameters = sent.tools.map((tool) => {
      const { parameters, input_schema } = Object(tool.function ?? tool);
      return parameters ?? input_schema;
    });
    expect(parameters).toEqual(definitions.map((definition) => definition.parameters));
    expect(parameters[1]).toMatchObject({
      properties: { by: { oneOf: [{}, {}] }, tree: { $ref: expect.any(String) } },
      additionalProperties: false,
    });
    const { properties, $defs } = schema;
    expect(parameters[2]).toMatchObject({ properties: { id: Object(properties).id, why: { type: 'string' } }, $defs });
    expect(definitions[2]?.description).toContain('must also fit this JSON Schema: {"anyOf":[{"required":["id"]}');
  });
});

type Change = { name?: string; description?: string; strict?: boolean; [keyword: string]: unknown };

test.each<[string, Wire, Change, string]>([
  ['a name with a dot', 'chat', { name: 'a.b' }, 'tools[0]: the name "a.b" does not match'],
  ['no description', 'messages', { description: '' }, 'tools[0]: no description'],
  ['a union at the top', 'messages', { anyOf: [{}] }, 'tools[0]: anyOf at the top level'],
  ['an enum at the top', 'responses', { enum: [{}] }, 'tools[0]: enum at the top level'],
  ['no properties', 'chat', { properties: undefined }, 'tools[0]: object schema missing properties'],
  ['a list of anything', 'chat', { properties: { a: { type: 'array' } } }, 'missing items: /properties/a'],
  ['a lost reference', 'messages', { properties: { a: { $ref: '#/$defs/b' } } }, "can't resolve reference #/$defs/b"],
  ['a wrong keyword', 'messages', { properties: { a: { minimum: 'x' } } }, 'not a JSON Schema of 2020-12'],
  ['strictness', 'responses', { strict: true }, 'tools[0]: strict is not false'],
])('the strict check finds %s', (_, wire, change, problem) => {
  const { name = 'look', description = 'Looks.', strict = false, ...more }: Change = change;
  const parameters = { type: 'object', properties: {}, ...more };
  const named = { name, description };
  const tool = {
    chat: { type: 'function', function: { ...named, parameters } },
    responses: { type: 'function', ...named, parameters, strict },
    messages: { ...named, input_schema: parameters },
  }[wire];
  expect(toolProblems({ wire, body: JSON.stringify({ tools: [tool] }) })).toEqual([expect.stringContaining(problem)]);
  const twice = toolProblems({ wire, body: JSON.stringify({ tools: [tool, tool] }) });
  expect(twice).toContain(`tools: the name "${name}" is used twice`);
});
