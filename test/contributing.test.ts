import { existsSync, globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { GENERATED_PAGES, withGenerated } from '../scripts/generated-docs.ts';
import { SETTINGS } from '../src/app/config-settings.ts';
import { BUILT_IN_PROVIDERS } from '../src/catalogue/rows.ts';
import { FAILURE_CODES } from '../src/errors.ts';
import { FLOORS, importsOf } from './helpers/floor-plan.ts';
import { page, root, textOf } from './helpers/pages.ts';

const TEXT = page('CONTRIBUTING.md');
const { scripts, devDependencies } = JSON.parse(textOf('package.json'));

function filesIn(pattern: string): string[] {
  return globSync(pattern, { cwd: root }).sort();
}

/** What is spelled as code in a text. */
function codesOf(text: string): string[] {
  return [...text.matchAll(/`([^`\n]+)`/g)].map(([, code = '']) => code);
}

/** The cells of the recipe to add something. */
function recipe(what: string): { write: string[]; checkedBy: string[] } {
  const line = TEXT.split('\n').find((text) => text.startsWith(`| ${what} |`));
  const [, , write = '', , checkedBy = ''] = (line ?? expect.fail(`no recipe for ${what}`)).split('|');
  return { write: codesOf(write), checkedBy: codesOf(checkedBy) };
}

/** A page as it was before a row of its generated part was added. */
function without(file: string, row: string): string {
  const lines = page(file).split('\n');
  const left = lines.filter((line) => !line.startsWith(`| \`${row}\``));
  expect(lines.length - left.length).toBe(1);
  return left.join('\n');
}

test('every path that CONTRIBUTING names exists', () => {
  const paths = codesOf(TEXT).filter((code) => /^(src|test|docs|checks|scripts|bench)\/[\w./-]*$/.test(code));
  expect(paths.length).toBeGreaterThan(10);
  expect(paths.filter((path) => !existsSync(join(root, path)))).toEqual([]);
});

test('every command that CONTRIBUTING names exists', () => {
  const named = [...TEXT.matchAll(/npm run ([\w:]+)/g)].map(([, name = '']) => name);
  expect([...new Set(named)].filter((name) => !(name in scripts))).toEqual([]);
  const tests = [...TEXT.matchAll(/npx vitest run (\S+)/g)].map(([, file = '']) => file);
  expect(tests.filter((file) => !existsSync(join(root, file)))).toEqual([]);
});

test('the drawing of the house has every room on its floor, and no other', () => {
  const drawing = /```text drawing\nsrc\/\n([\s\S]*?)```/.exec(TEXT)?.[1] ?? '';
  const drawn = drawing.split('\n').flatMap((line) => {
    const [, floor, rooms = ''] = /^ {2}(\d) {2}((?:[\w.-]+\/? ?)+)/.exec(line) ?? [];
    return rooms
      .trim()
      .split(' ')
      .flatMap((room) => (floor === undefined ? [] : [[room, Number(floor)] as const]));
  });
  const floorOf = (room: string) => FLOORS[room === 'errors.ts' ? 'contract' : room.replace(/\/$|\.ts$/, '')];
  expect(drawn.map(([room]) => [room, Math.max(floorOf(room) ?? Number.NaN, 0)])).toEqual(drawn);
  const rooms = filesIn('src/*').map((file) => file.slice('src/'.length));
  const names = drawn.map(([room]) => room.replace(/\/$/, ''));
  expect([...names, 'simulator'].toSorted()).toEqual(rooms);
});

describe('a recipe names all that is needed:', () => {
  test('a failure code is a row in its family, and its page is written from it', async () => {
    const { write, checkedBy } = recipe('a failure code');
    const families = await Promise.all(filesIn(`${write[0]}*.ts`).map((file) => import(join(root, file))));
    const codes = families.flatMap((family) => Object.values(family).flatMap((rows) => Object.keys(Object(rows))));
    expect(codes.filter((code) => /^[A-Z]/.test(code)).toSorted()).toEqual([...FAILURE_CODES].sort());
    expect(withGenerated('docs/reference/failures.md', without('docs/reference/failures.md', 'TASK_REMOVED'))).toBe(
      page('docs/reference/failures.md'),
    );
    expect(textOf(checkedBy[0] ?? '')).toContain('FAILURE_CODES');
  });

  test('a built-in provider is a row, and its page is written from it', () => {
    const { write } = recipe('a built-in provider');
    expect(textOf(write[0] ?? '')).toContain('BUILT_IN_PROVIDERS');
    for (const name of Object.keys(BUILT_IN_PROVIDERS)) {
      expect(withGenerated('docs/explanations/credentials.md', without('docs/explanations/credentials.md', name))).toBe(
        page('docs/explanations/credentials.md'),
      );
    }
  });

  test('a setting is a row, and its page is written from it', () => {
    const { write } = recipe('a setting');
    expect(textOf(write[0] ?? '')).toContain('export const SETTINGS');
    expect(Object.keys(SETTINGS)).toContain('redis_url');
    expect(
      withGenerated('docs/reference/configuration.md', without('docs/reference/configuration.md', 'redis_url')),
    ).toBe(page('docs/reference/configuration.md'));
    expect(GENERATED_PAGES).toContain('docs/reference/configuration.md');
  });

  test('a tool of the workspace is made in its named file, others in the room of tools', () => {
    const made = filesIn('src/**/*.ts').filter((file) => /\bdefineTool\(\{/.test(textOf(file)));
    expect(made).toEqual(expect.arrayContaining(recipe('a tool of the workspace').write));
    expect(made.filter((file) => !file.startsWith('src/tools/'))).toEqual([]);
  });

  test('a built-in toolset is one that workers make, under a name that producers know', () => {
    const [, maker = '', names = ''] = recipe('a built-in toolset').write;
    expect(textOf(maker)).toContain('export function builtInToolsets');
    expect(textOf(names)).toContain('export const BUILT_IN_TOOLSETS');
  });

  test('the scripts of records are in the folder that is named, and name no key by hand', () => {
    const { write } = recipe('a script of Redis');
    const [, folder = '', keys = ''] = write;
    const made = filesIn('src/records/**/*.ts').filter((file) => /\bdefineScript\(\{/.test(textOf(file)));
    expect(made.filter((file) => !file.startsWith(folder))).toEqual([]);
    expect(textOf(keys)).toContain('KEY_FAMILIES');
  });

  test('every test that checks a recipe exists and is run', () => {
    const checks = [...TEXT.matchAll(/^\| an? .*\| (`test.*`) \|$/gm)].flatMap(([, cell = '']) => codesOf(cell));
    expect(checks).toHaveLength(9);
    expect(checks.filter((file) => !file.endsWith('.test.ts') || !existsSync(join(root, file)))).toEqual([]);
  });
});

test('every tool of the root is used outside of checks/, which has its own package', () => {
  const sources = filesIn('{src,test,dashboards,bench,examples,scripts}/**/*.ts').concat('vitest.config.ts');
  const imported = new Set(sources.flatMap((file) => importsOf(file, readFileSync(join(root, file), 'utf8'))));
  const texts = [...Object.values(scripts), textOf('scripts/check.ts'), textOf('tsconfig.json')].join('\n');
  const commands: Record<string, RegExp> = {
    '@biomejs/biome': /\bbiome\b/,
    '@types/node': /"types": \["node"\]/,
    node: /\bnode\b/,
    typescript: /\btsc\b/,
  };
  const unused = Object.keys(devDependencies).filter((name) => !imported.has(name) && !commands[name]?.test(texts));
  expect(unused).toEqual([]);
});
