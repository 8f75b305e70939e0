import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { compile } from '../scripts/compile.ts';

const OUT = join(import.meta.dirname, '..', '.errand', 'bench');

/** Returns the path of a process of the bench, by its name. */
export type FileOf = (name: string) => string;

/** The sources themselves, for a test that does not measure. */
export const sourceOf: FileOf = (name) => join(import.meta.dirname, 'processes', `${name}.ts`);

/**
 * Compiles the processes of the bench with all that they run, as the package is compiled: a process that runs the sources
 * keeps Node's type stripper in memory, about 30 MB that an installed package does not use.
 */
export function compileProcesses(): FileOf {
  rmSync(OUT, { recursive: true, force: true });
  compile('bench/tsconfig.json', OUT);
  return (name) => join(OUT, 'bench', 'processes', `${name}.js`);
}
