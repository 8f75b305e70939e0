import { chmodSync, cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { jsonSchemas } from '../src/contract/json-schema.ts';
import { compile } from './compile.ts';

const root = join(import.meta.dirname, '..');
const dist = join(root, 'dist');

rmSync(dist, { recursive: true, force: true });
compile('tsconfig.build.json');
chmodSync(join(dist, 'src', 'cli.js'), 0o755);
writeSchemas();
copyGuard();

/** Copies the source of the process guard. The image compiles it, or a worker at its first use. */
function copyGuard(): void {
  const guard = join('src', 'processes', 'guard');
  cpSync(join(root, guard), join(dist, guard), { recursive: true });
}

/** Writes one file for each shape that crosses a boundary. Its name is the end of the shape's `$id`. */
function writeSchemas(): void {
  const folder = join(dist, 'schema');
  mkdirSync(folder);
  for (const [name, schema] of Object.entries(jsonSchemas())) {
    writeFileSync(join(folder, `${name}.json`), `${JSON.stringify(schema, null, 2)}\n`);
  }
}
