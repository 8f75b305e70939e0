import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The directory of the repository. */
export const root = join(import.meta.dirname, '..', '..');

/** The text of a file of the repository. */
export function textOf(file: string): string {
  return readFileSync(join(root, file), 'utf8');
}

/** Every page written for people, by its path in the repository. */
export const pages: Record<string, string> = Object.fromEntries(
  [
    'README.md',
    'CONTRIBUTING.md',
    'CHANGELOG.md',
    'SECURITY.md',
    ...globSync('docs/**/*.md', { cwd: root }).sort(),
  ].map((file) => [file, textOf(file)]),
);

/** The text of one page. */
export function page(file: string): string {
  const text = pages[file];
  if (text === undefined) throw new Error(`there is no page ${file}`);
  return text;
}
