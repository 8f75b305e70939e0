import { ErrandError } from '../errors.ts';
import { assertUnchanged } from './config-file.ts';

/** Reads the number in a variable; `NaN` without one. `Number` alone reads a blank as 0. */
export function numberIn(text: string): number {
  return /^-?\d+(\.\d+)?$/.test(text.trim()) ? Number(text) : Number.NaN;
}

/** Reads the providers in `ERRAND_PROVIDERS`. @throws ErrandError `CONFIG_INVALID` unless it is JSON that stays unchanged. */
export function providersOf(text: string): unknown {
  const remedy = 'Set ERRAND_PROVIDERS to an object of providers as JSON, in single quotes in a shell, or unset it.';
  try {
    JSON.parse(text);
  } catch {
    // What the parser says quotes the text, and some put a key there.
    throw new ErrandError('CONFIG_INVALID', 'ERRAND_PROVIDERS is not JSON', { remedy });
  }
  assertUnchanged(text, 'ERRAND_PROVIDERS', remedy);
  return JSON.parse(text);
}
