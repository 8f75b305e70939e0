import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const ROOT = join(import.meta.dirname, '..');
const OUT = join(ROOT, '.errand', 'bench');

/** Where the file of a process of the bench is, by its name. */
export type FileOf = (name: string) => string;

/** The sources themselves, for a test that does not measure. */
export const sourceOf: FileOf = (name) => join(import.meta.dirname, 'processes', `${name}.ts`);

/**
 * Compiles the processes of the bench with all that they run, as the package is compiled: a process that runs the sources
 * keeps Node's type stripper in memory, about 30 MB that nobody has who installed the package.
 */
export function compileProcesses(): FileOf {
  rmSync(OUT, { recursive: true, force: true });
  const typescript = dirname(createRequire(import.meta.url).resolve('typescript/package.json'));
  const options = ['--project', join(import.meta.dirname, 'tsconfig.json'), '--outDir', OUT];
  execFileSync(process.execPath, [join(typescript, 'bin', 'tsc'), ...options], { cwd: ROOT, stdio: 'inherit' });
  return (name) => join(OUT, 'bench', 'processes', `${name}.js`);
}
