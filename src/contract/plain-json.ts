import type { Problem } from '../errors.ts';

/** The type of a value, in the words of JSON. */
export function typeOf(value: unknown): string {
  if (value === null) return 'null';
  return Array.isArray(value) ? 'array' : typeof value;
}

/**
 * Finds what JSON cannot carry or should not: `__proto__` keys, NaN and infinities, functions, cycles, deep nesting.
 *
 * Runs before any schema, so that what a schema or a merge would do with such a value never matters.
 */
export function problemsOfPlainJson(value: unknown, maxDepth: number): Problem[] {
  const problems: Problem[] = [];
  const open = new Set<object>();

  const visit = (node: unknown, path: string, depth: number): void => {
    if (problems.length >= 100) return;
    if (typeof node === 'number' && !Number.isFinite(node)) {
      problems.push({ path, message: `expected a finite number, got ${node}` });
    } else if (typeof node === 'bigint' || typeof node === 'function' || typeof node === 'symbol') {
      problems.push({ path, message: `expected plain JSON, got a ${typeof node}` });
    }
    if (typeof node !== 'object' || node === null) return;
    if (open.has(node)) {
      problems.push({ path, message: 'expected plain JSON, got a reference to an enclosing object' });
      return;
    }
    if (depth >= maxDepth) {
      problems.push({ path, message: `nested deeper than ${maxDepth} levels` });
      return;
    }
    open.add(node);
    for (const key of Object.keys(node)) {
      const child = Array.isArray(node) ? `${path}[${key}]` : path === '' ? key : `${path}.${key}`;
      if (key === '__proto__') problems.push({ path: child, message: 'the key "__proto__" is refused' });
      else visit((node as Record<string, unknown>)[key], child, depth + 1);
    }
    open.delete(node);
  };

  visit(value, '', 0);
  return problems;
}
