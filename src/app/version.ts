import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Returns the version in the `package.json` of Errand, which is above `src` and above the built `dist/src`. */
export function ownVersion(): string {
  const roots = ['../..', '../../..'].map((up) => join(import.meta.dirname, up, 'package.json'));
  const file = roots.find((path) => existsSync(path));
  const { version } = file === undefined ? {} : (JSON.parse(readFileSync(file, 'utf8')) as { version?: string });
  return version ?? 'unknown';
}
