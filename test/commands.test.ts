import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { root } from './helpers/pages.ts';

const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { scripts: Record<string, string> };

/** The packages that a program of ours reaches, however far. Types alone load nothing. */
function packagesOf(program: string): string[] {
  const files = new Set([program]);
  const packages = new Set<string>();
  for (const file of files) {
    const imports = readFileSync(join(root, file), 'utf8').matchAll(
      /^(?:import|export)\s(?!type\b)[^;]*?from '([^']+)';|^import '([^']+)';/gm,
    );
    for (const [, from, alone] of imports) {
      const name = from ?? alone ?? '';
      if (name.startsWith('.')) files.add(join(dirname(file), name));
      else packages.add(name);
    }
  }
  return [...packages];
}

const programs = Object.entries(scripts).flatMap(([name, command]) => {
  const program = /^node ((?:test|bench)\/\S+\.ts)/.exec(command)?.[1];
  return program ? [[name, program] as const] : [];
});

test.each(programs)('npm run %s runs without vitest: %s', (_, program) => {
  expect(packagesOf(program)).not.toContain('vitest');
});

test('the packages of a program are found through its files', () => {
  expect(programs.length).toBeGreaterThan(5);
  expect(packagesOf('test/helpers/redis.ts')).toContain('vitest');
  expect(packagesOf('test/storm/run.ts')).toContain('ioredis');
});
