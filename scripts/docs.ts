import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { GENERATED_PAGES, withGenerated } from './generated-docs.ts';

const root = join(import.meta.dirname, '..');

for (const page of GENERATED_PAGES) {
  const path = join(root, page);
  writeFileSync(path, withGenerated(page, readFileSync(path, 'utf8')));
}
