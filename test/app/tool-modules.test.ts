import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { loadConfig } from '../../src/app/config.ts';
import { secretVariables } from '../../src/app/secret-variables.ts';
import { loadToolModules } from '../../src/app/tool-modules.ts';
import { createWorker } from '../../src/entries/worker.ts';
import { aFolder, start } from './run-cli.ts';

const entry = join(import.meta.dirname, '..', '..', 'src', 'entries', 'worker.ts');

/** The text of a module whose default export is `exported`; `tool(name)` makes a tool in it. */
function moduleOf(exported: string): string {
  return `import { defineTool, defineToolset } from '${entry}';
const tool = (name) => defineTool({ name, description: 'Looks.', class: 'read', parameters: { type: 'object' }, run: () => '' });
export default ${exported};
`;
}

/** A folder with the modules, and a configuration that names them in this order. */
function aFolderOf(modules: Record<string, string>): { dir: string; paths: string[] } {
  const dir = aFolder({ 'errand.config.yaml': JSON.stringify({ tool_modules: Object.keys(modules) }) });
  for (const [name, text] of Object.entries(modules)) {
    mkdirSync(join(dir, name, '..'), { recursive: true });
    writeFileSync(join(dir, name), text);
  }
  return { dir, paths: Object.keys(modules).map((name) => join(dir, name)) };
}

test('the paths start at the directory of the configuration file', () => {
  const dir = aFolder({ 'errand.config.yaml': 'tool_modules: [./a.ts, ../b.mjs]' });
  const file = join(dir, 'errand.config.yaml');
  expect(loadConfig({ ERRAND_CONFIG: file }).tool_modules).toEqual([join(dir, 'a.ts'), join(dir, '../b.mjs')]);
  const variable = { ERRAND_CONFIG: file, ERRAND_TOOL_MODULES: '["/x/c.js"]' };
  expect(loadConfig(variable).tool_modules).toEqual(['/x/c.js']);
});

test('modules that do not load stop the worker before anything starts, all named', async () => {
  const { dir, paths } = aFolderOf({
    'syntax.mjs': 'const a = ;',
    'enum.ts': 'enum A { B }\nexport default A;',
    'throws.ts': "setInterval(() => undefined, 1_000);\nthrow new Error('no database') as unknown;",
    'import.ts': "import 'no-such-package';",
    'node_modules/acme/index.ts': 'export default {} as object;',
    'nothing.mjs': 'export const shop = {};',
    'empty.mjs': 'export default [];',
    'number.mjs': 'export default 7;',
    'text.txt': '',
    'folder.ts/in-it': '',
  });
  const missing = join(dir, 'missing.ts');
  const modules = [...paths.slice(0, -1), join(dir, 'folder.ts'), missing];
  const { code, out, err } = await start(['worker'], dir, { ERRAND_TOOL_MODULES: JSON.stringify(modules) }).ended;
  const at = (index: number) => `tool_modules.${index}:`;
  const lines = err.split('\n').map((line) => line.trim());
  expect(lines.slice(1, 12)).toEqual([
    `${at(0)} expected a module that loads; ${modules[0]} failed: Unexpected token ';'`,
    `${at(1)} expected a module that loads; ${modules[1]} failed: TypeScript enum is not supported in strip-only mode (Node only strips types; replace this syntax, or build the file to .mjs)`,
    `${at(2)} expected a module that loads; ${modules[2]} failed: no database`,
    `${at(3)} expected a module that loads; ${modules[3]} failed: Cannot find package 'no-such-package' imported from ${modules[3]}`,
    expect.stringMatching(/^tool_modules\.4: .* \(Node runs no TypeScript under node_modules; move the file out of it/),
    `${at(5)} expected the default export of ${modules[5]} to be a toolset made by defineToolset, or a list of toolsets, got undefined`,
    `${at(6)} expected the default export of ${modules[6]} to be a toolset made by defineToolset, or a list of toolsets, got an empty list`,
    `${at(7)} expected the default export of ${modules[7]} to be a toolset made by defineToolset, or a list of toolsets, got number`,
    `${at(8)} expected a file that ends in .ts, .mts, .mjs, .js, got ${modules[8]}`,
    `${at(9)} expected a file that ends in .ts, .mts, .mjs, .js; ${modules[9]} is not a file`,
    `${at(10)} expected a file that ends in .ts, .mts, .mjs, .js; ${missing} cannot be read: it does not exist (ENOENT)`,
  ]);
  expect({ code, out, first: lines[0] }).toMatchObject({
    ...{ code: 2, out: '' },
    first: expect.stringMatching(/^CONFIG_INVALID: /),
  });
});

test('a module that never finishes loading is refused after a limit', async () => {
  const { paths } = aFolderOf({ 'hangs.mjs': 'await new Promise(() => undefined);' });
  await expect(loadToolModules(paths, 20)).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
    problems: [{ path: 'tool_modules.0', message: expect.stringContaining('failed: timed out after 0.02 s') }],
  });
});

test('a toolset that does not fit is refused by its place, with its file', async () => {
  const { paths } = aFolderOf({
    'one.mjs': moduleOf("defineToolset({ name: 'one', tools: [tool('look'), tool('a b')] })"),
    'list.mjs': moduleOf("[defineToolset({ name: 'two', tools: [tool('look')] }), 3]"),
  });
  const refused = createWorker({ settings: { tool_modules: paths } });
  await expect(refused).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
    problems: [
      { path: 'tool_modules.0.tools.1.name', message: expect.stringMatching(/^expected a name of letters/) },
      { path: 'tool_modules.1.0.tools.0.name', message: 'expected a unique name; "look" is already in use' },
      { path: 'tool_modules.1.1', message: 'expected a toolset made by defineToolset, got 3' },
    ],
    remedy: `Correct ${paths.join(', ')}.`,
  });
});

test.each<[string, object]>([
  ['throw 7;', { status: 'fault', message: expect.stringMatching(/tool_modules\.0: .*orders\.mjs failed: 7$/) }],
  [moduleOf("defineToolset({ name: 'one', tools: [tool('look')] })"), { status: 'ok', message: 'toolsets one' }],
])('errand doctor says whether the modules load: %#', async (text, finding) => {
  const { dir } = aFolderOf({ 'orders.mjs': `setInterval(() => undefined, 1_000);\n${text}` });
  const { out } = await start(['doctor', '--json'], dir, {}).ended;
  expect(JSON.parse(out).findings).toContainEqual(expect.objectContaining({ check: 'tool modules', ...finding }));
});

test('variables of secrets: those of providers, MCP servers, passwords and Redis', () => {
  const providers = [{ credential: 'env:ACME_KEY' }, { credential: 'file:/run/key' }];
  const wiki = { credential: 'env:WIKI_TOKEN', env: {} };
  const github = { credential: 'none', env: { TOKEN: 'env:GITHUB_TOKEN', HOST: 'github.example' } };
  const found = secretVariables({ providers, mcp: { servers: [wiki, github] } });
  expect(found).not.toContain('github.example');
  expect(found).toEqual(
    expect.arrayContaining([
      ...['ACME_KEY', 'ACME_KEY_FILE', 'OPENAI_API_KEY', 'ANTHROPIC_API_KEY', 'ANTHROPIC_AUTH_TOKEN'],
      ...['WIKI_TOKEN', 'WIKI_TOKEN_FILE', 'GITHUB_TOKEN'],
      ...['REDIS_URL', 'REDIS_SENTINEL_PASSWORD', 'ERRAND_BOARD_PASSWORD'],
    ]),
  );
});
