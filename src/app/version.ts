import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The version of this Errand, from its `package.json`, which lies above `src` and above the `dist/src` built of it. */
export function ownVersion(): string {
  const roots = ['../..', '../../..'].map((up) => join(import.meta.dirname, up, 'package.json'));
  const file = roots.find((path) => existsSync(path));
  const { version } = file === undefined ? {} : (JSON.parse(readFileSync(file, 'utf8')) as { version?: string });
  return version ?? 'unknown';
}
