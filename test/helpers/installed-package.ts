import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { z } from 'zod';
import { root } from './pages.ts';

const execute = promisify(execFile);

/** What the package is built and packed from. */
const SOURCES = [
  ...['package.json', 'tsconfig.json', 'tsconfig.build.json', '.npmrc', 'LICENSE', 'README.md', 'CHANGELOG.md'],
  ...['src', 'dashboards', 'scripts', 'docs'],
];

const Packed = z.tuple([z.looseObject({ filename: z.string() })]);

/**
 * Packs the package as `npm pack` does, and installs it in the project at `dir`, beside the dependencies of this
 * repository. It is built from a copy, so that no other test loses its `dist`. Returns the directory of the installed
 * package.
 */
export async function installPackage(dir: string): Promise<string> {
  const copy = mkdtempSync(join(tmpdir(), 'errand-pack-'));
  try {
    for (const source of SOURCES) cpSync(join(root, source), join(copy, source), { recursive: true });
    symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
    const env = { ...process.env, npm_config_loglevel: 'silent' };
    const { stdout } = await execute('npm', ['pack', '--json', '--foreground-scripts=false'], { cwd: copy, env });
    const [{ filename }] = Packed.parse(JSON.parse(stdout));
    const modules = join(dir, 'node_modules');
    const installed = join(modules, 'errand');
    mkdirSync(installed, { recursive: true });
    for (const name of readdirSync(join(root, 'node_modules'))) {
      if (!name.startsWith('.')) symlinkSync(join(root, 'node_modules', name), join(modules, name));
    }
    await execute('tar', ['-xzf', join(copy, filename), '-C', installed, '--strip-components=1']);
    return installed;
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}
