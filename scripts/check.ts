import { execFileSync, spawnSync } from 'node:child_process';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { importsOf } from '../test/helpers/floor-plan.ts';
import { relatedTests } from './related-tests.ts';

const root = join(import.meta.dirname, '..');
const { values, positionals } = parseArgs({ options: { changed: { type: 'boolean' } }, allowPositionals: true });

if (!values.changed)
  run([
    ['biome', 'check', '.'],
    ['node', 'scripts/english.ts'],
    ['tsc', '--noEmit'],
    ['vitest', 'run'],
  ]);
else run(stepsFor(changedSince(positionals[0] ?? baseOfBranch())));

/** Runs commands of the repository in order. The first failure ends the check. */
function run(steps: readonly (readonly string[])[]): void {
  for (const [command = '', ...args] of steps) {
    const { status } = spawnSync(join(root, 'node_modules', '.bin', command), args, { cwd: root, stdio: 'inherit' });
    if (status !== 0) process.exit(status ?? 1);
  }
}

/** Returns the steps for a change: lint its files, check all types, and run the tests near to it. */
function stepsFor(changed: readonly string[]): string[][] {
  const sources = globSync('{src,test,dashboards,bench,examples,scripts}/**/*.ts', { cwd: root });
  const graph = new Map(sources.map((file) => [file, importsOf(file, readFileSync(join(root, file), 'utf8'))]));
  const { near, far } = relatedTests(changed, graph);
  process.stdout.write(
    `${changed.length} files changed; ${near.length} test files are near, ${far.length} far ones are left out\n`,
  );
  const lint = changed.filter((file) => /\.(ts|js|mjs|json)$/.test(file));
  return [
    ...(lint.length > 0 ? [['biome', 'check', '--no-errors-on-unmatched', ...lint]] : []),
    ['node', 'scripts/english.ts'],
    ['tsc', '--noEmit'],
    ...(near.length > 0 ? [['vitest', 'run', ...near]] : []),
  ];
}

/** The files that were changed or added since a commit, committed or not, and still exist. */
function changedSince(commit: string): string[] {
  const changed = git('diff', '--name-only', '--diff-filter=d', commit);
  return [...new Set([...changed, ...git('ls-files', '--others', '--exclude-standard')])].sort();
}

/** The commit where this branch left `main`; on `main` itself, its last commit. */
function baseOfBranch(): string {
  const [base = 'HEAD'] = git('merge-base', 'HEAD', 'main');
  return base;
}

function git(...args: string[]): string[] {
  return execFileSync('git', args, { cwd: root, encoding: 'utf8' }).split('\n').filter(Boolean);
}
