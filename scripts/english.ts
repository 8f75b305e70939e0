import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { violationsIn } from './wordings.ts';

const root = join(import.meta.dirname, '..');
const CHECKED = ['{src,dashboards}/**/*.{ts,c,md}', 'docs/**/*.md', 'README.md', 'CHANGELOG.md'];

const lines = globSync(CHECKED, { cwd: root })
  .sort()
  .flatMap((file) =>
    violationsIn(file, readFileSync(join(root, file), 'utf8')).map(
      ({ line, words, instead }) => `${file}:${line}: "${words}": write ${instead}\n`,
    ),
  );
process.stdout.write(lines.join(''));
process.exitCode = lines.length > 0 ? 1 : 0;
