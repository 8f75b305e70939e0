import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { mcpServer } from '../../helpers/mcp-servers.ts';
import { freshPrefix, redisUrl } from '../../helpers/redis.ts';
import { aFolder, type Ended, start } from '../run-cli.ts';

const entry = join(import.meta.dirname, '..', '..', '..', 'src', 'entries', 'worker.ts');

/** A module with static tools, tools that only `open` knows, a resource of its own, and a timer that never ends. */
const MODULE = `
import { writeFileSync } from 'node:fs';
import { defineTool, defineToolset } from '${entry}';

setInterval(() => undefined, 1_000);
const tool = (name: string, run: Parameters<typeof defineTool>[0]['run']) =>
  defineTool({ name, description: 'Does ' + name + '.', class: 'read', parameters: { type: 'object' }, run });
const shop = defineToolset({
  name: 'shop',
  requires: ['workspace'],
  tools: [
    defineTool({
      name: 'find_order',
      description: 'Finds an order.',
      class: 'read',
      parameters: { type: 'object', properties: { number: { type: 'integer' } }, required: ['number'] },
      run: async ({ number }, { progress, session }) => {
        progress('looking');
        return { number, files: await session.workspace?.list(), key: process.env.OPENAI_API_KEY ?? null };
      },
    }),
    tool('fail', () => { throw new Error('no such order'); }),
  ],
});
const kind = {
  kind: 'desk',
  outlivesProcess: true,
  release: async (ref: string) => {
    writeFileSync('released', ref);
    return { evidence: 'verified' as const, detail: 'gone' };
  },
};
const desk = defineToolset({
  name: 'desk',
  resources: [kind],
  open: async ({ taskId, epoch, hold }) => {
    await hold({ desk: { kind: 'desk', ref: \`\${taskId}.\${epoch}\`, acquire: () => undefined } });
    return { tools: [tool('sit', () => 'sat')] };
  },
});
export default [shop, desk];
`;

/** Runs the command in a folder with the module. */
async function run(args: string[], env: Record<string, string> = {}): Promise<Ended & { dir: string }> {
  const dir = aFolder({ 'errand.config.yaml': 'tool_modules: [./orders.ts]', 'orders.ts': MODULE });
  return { dir, ...(await start(['tools', ...args], dir, env).ended) };
}

const Listed = z.strictObject({
  toolsets: z.array(
    z.looseObject({ name: z.string(), from: z.string(), tools: z.array(z.looseObject({ name: z.string() })) }),
  ),
  announced: z.array(z.string()).nullable(),
});

describe('errand tools', () => {
  test('lists toolsets of each source without Redis, and opens one to see its tools', async () => {
    const { code, out, err, dir } = await run(['--json']);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    const { toolsets, announced } = Listed.parse(JSON.parse(out));
    expect(announced).toBeNull();
    const orders = join(dir, 'orders.ts');
    expect(toolsets.map(({ name, from, tools }) => [name, from, tools.map((tool) => tool.name)])).toEqual(
      expect.arrayContaining([
        ['workspace', 'built-in', expect.arrayContaining(['read_file'])],
        ['shop', orders, ['find_order', 'fail']],
        ['desk', orders, ['sit']],
      ]),
    );
    expect(existsSync(join(dir, 'released'))).toBe(true);
  });

  test('prints a table, and which toolsets live workers announce', async () => {
    const { code, out, err } = await run([], { REDIS_URL: redisUrl(), ERRAND_PREFIX: freshPrefix() });
    expect(code).toBe(0);
    expect(out).toMatch(/^shop +find_order +read +orders\.ts +Finds an order\.$/m);
    expect(err).toBe('Toolsets of live workers: none.\n');
  });

  test('tries a call with progress, files and without the keys of the worker', async () => {
    const { code, out, err } = await run(['--call', 'find_order', '--args', '{"number":7}'], {
      OPENAI_API_KEY: 'sk-x',
    });
    expect({ code, out, err }).toEqual({
      code: 0,
      out: '{"number":7,"files":[],"key":null}\n',
      err: 'progress: looking\n',
    });
  });

  test('releases what a call held, and prints its result as JSON', async () => {
    const { code, out, dir } = await run(['--call', 'sit', '--json']);
    expect({ code, result: JSON.parse(out) }).toEqual({
      code: 0,
      result: { tool: 'sit', text: 'sat', is_error: false },
    });
    expect(readFileSync(join(dir, 'released'), 'utf8')).toMatch(/-0\.1$/);
  });

  test('lists the tools of an MCP server, and tries a call', async () => {
    const dir = aFolder({ 'errand.config.yaml': JSON.stringify({ mcp: { plain: mcpServer('plain') } }) });
    const listed = await start(['tools'], dir, {}).ended;
    expect(listed).toMatchObject({ code: 0, out: expect.stringMatching(/^mcp:plain +plain__echo +effect /m) });
    const called = await start(['tools', '--call', 'plain__echo', '--args', '{"say":"hi"}'], dir, {}).ended;
    expect(called).toEqual({ code: 0, out: 'hi\n', err: '' });
  });

  test.each<[string, string[], { code: number; out?: string; err?: string }]>([
    ['a tool that throws', ['--call', 'fail'], { code: 1, out: 'fail failed: no such order\n' }],
    [
      'arguments that do not fit',
      ['--call', 'find_order'],
      { code: 1, out: 'find_order failed: invalid arguments: number: is missing; expected a whole number\n' },
    ],
    [
      'arguments that are no object',
      ['--call', 'fail', '--args', '[1]'],
      { code: 2, err: 'USAGE_INVALID: --args: expected a JSON object' },
    ],
    [
      'arguments without a tool',
      ['--args', '{}'],
      { code: 2, err: 'USAGE_INVALID: --args needs --call with the name of a tool' },
    ],
    [
      'an unknown tool',
      ['--call', 'nix'],
      { code: 2, err: 'USAGE_INVALID: --call: no toolset has the tool "nix"; known: ' },
    ],
  ])('%s has its exit code', async (_, args, { code, out = '', err = '' }) => {
    const ended = await run(args);
    expect({ code: ended.code, out: ended.out }).toEqual({ code, out });
    expect(ended.err).toContain(err);
  });
});
