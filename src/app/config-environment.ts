import { z } from 'zod';
import { quoted } from '../base/text.ts';
import { isWhole } from '../contract/schema-words.ts';
import type { SettingRow } from '../contract/setting.ts';
import type { Environment } from '../credentials/secrets.ts';
import { ErrandError } from '../errors.ts';
import { configInvalid } from './config-fault.ts';
import { assertUnchanged } from './config-file.ts';

/**
 * Returns the values that variables set, by key. An empty variable sets nothing.
 *
 * @throws ErrandError `CONFIG_INVALID` for a text that is not the number or the JSON that the setting takes.
 */
export function valuesInVariables(rows: readonly SettingRow[], environment: Environment): Map<string, unknown> {
  return new Map(
    rows.flatMap((row) => {
      const text = row.variable === undefined ? undefined : environment[row.variable];
      return text ? [[row.key, valueIn(text, row)]] : [];
    }),
  );
}

/** The schema says how a text is read: as it is, as a number, or as JSON. */
function valueIn(text: string, { key, variable = key, type }: SettingRow): unknown {
  const bare = unwrapped(type);
  if (bare instanceof z.ZodString || bare instanceof z.ZodEnum) return text;
  if (!(bare instanceof z.ZodNumber)) return jsonIn(text, variable, key);
  const number = numberIn(text);
  if (!Number.isNaN(number)) return number;
  throw configInvalid([
    {
      path: `${variable} (${key})`,
      message: `expected ${isWhole(bare) ? 'a whole number' : 'a number'}, got ${quoted(text)}`,
    },
  ]);
}

function unwrapped(type: unknown): unknown {
  return type instanceof z.ZodDefault || type instanceof z.ZodOptional ? unwrapped(type.unwrap()) : type;
}

/** Reads the number in a variable; `NaN` without one. `Number` alone reads a blank as 0. */
function numberIn(text: string): number {
  return /^-?\d+(\.\d+)?$/.test(text.trim()) ? Number(text) : Number.NaN;
}

function jsonIn(text: string, variable: string, key: string): unknown {
  const remedy = `Set ${variable} to the value of ${key} as JSON, in single quotes in a shell, or unset it.`;
  try {
    JSON.parse(text);
  } catch {
    // What the parser says quotes the text, and some put a key there.
    throw new ErrandError('CONFIG_INVALID', `${variable} is not JSON`, { remedy });
  }
  assertUnchanged(text, variable, remedy);
  return JSON.parse(text);
}
