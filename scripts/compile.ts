import { execFileSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const ROOT = join(import.meta.dirname, '..');

/** Compiles a project (a path below the root) with the pinned compiler, into its own `outDir` or the given one. */
export function compile(project: string, outDir?: string): void {
  const typescript = dirname(createRequire(import.meta.url).resolve('typescript/package.json'));
  const options = ['--project', join(ROOT, project), ...(outDir === undefined ? [] : ['--outDir', outDir])];
  execFileSync(process.execPath, [join(typescript, 'bin', 'tsc'), ...options], { cwd: ROOT, stdio: 'inherit' });
}
