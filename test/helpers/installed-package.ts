import { execFile } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { inject } from 'vitest';
import { z } from 'zod';
import { root } from './pages.ts';

const execute = promisify(execFile);

/** What the package is built and packed from. */
const SOURCES = [
  ...['package.json', 'tsconfig.json', 'tsconfig.build.json', '.npmrc', 'LICENSE', 'README.md', 'CHANGELOG.md'],
  ...['SECURITY.md', 'errand.config.example.yaml'],
  ...['src', 'dashboards', 'scripts', 'docs'],
];

const Packed = z.tuple([z.looseObject({ filename: z.string() })]);

/**
 * Installs the package in the project at `dir` as its users get it, beside the dependencies of this repository. It is
 * packed once for a run of tests. Returns the directory of the installed package.
 */
export async function installPackage(dir: string): Promise<string> {
  const modules = join(dir, 'node_modules');
  const installed = join(modules, 'errand');
  mkdirSync(installed, { recursive: true });
  for (const name of readdirSync(join(root, 'node_modules'))) {
    if (!name.startsWith('.')) symlinkSync(join(root, 'node_modules', name), join(modules, name));
  }
  await execute('tar', ['-xzf', await packedOnce(), '-C', installed, '--strip-components=1']);
  return installed;
}

/** Returns the packed package of this run. The first test file that asks packs it, and the others wait for it. */
async function packedOnce(): Promise<string> {
  const packing = join(inject('shared'), 'packing');
  const packed = join(inject('shared'), 'errand.tgz');
  try {
    mkdirSync(packing);
  } catch {
    while (!existsSync(packed)) {
      if (existsSync(join(packing, 'failed'))) throw new Error('another test file could not pack the package');
      await delay(50);
    }
    return packed;
  }
  try {
    await pack(packed);
    return packed;
  } catch (error) {
    writeFileSync(join(packing, 'failed'), '');
    throw error;
  }
}

/** Packs the package as `npm pack` does. It is built from a copy, so that no other test loses its `dist`. */
async function pack(packed: string): Promise<void> {
  const copy = mkdtempSync(join(tmpdir(), 'errand-pack-'));
  try {
    for (const source of SOURCES) cpSync(join(root, source), join(copy, source), { recursive: true });
    symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
    const env = { ...process.env, npm_config_loglevel: 'silent' };
    const { stdout } = await execute('npm', ['pack', '--json', '--foreground-scripts=false'], { cwd: copy, env });
    const [{ filename }] = Packed.parse(JSON.parse(stdout));
    // A rename is atomic, so no other test file reads a half of it.
    cpSync(join(copy, filename), `${packed}.part`);
    renameSync(`${packed}.part`, packed);
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}
