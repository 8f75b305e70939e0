import { z } from 'zod';

/** One key of a configuration. Its schema, its variable and its documentation are made from this row. */
export type Setting<T extends z.ZodType = z.ZodType> = {
  /** What the value may be, with its default. */
  type: T;
  /** What the key means, in one sentence of Markdown. Links start at `docs/`. */
  meaning: string;
  /** What a number counts. */
  unit?: string;
  /** The variable that wins over the file. */
  variable?: string;
  /** Replaces what may be secret in the value. Present if a value may hold a secret. */
  mask?: (text: string) => string;
  /** The names that an earlier version had for it. They are refused with the new name. */
  renamedFrom?: { key?: string; variable?: string };
};

/** The settings under one name. */
export type Section = { readonly [field: string]: Setting };

/** Settings and sections by name, in the order of the documentation. */
export type SettingsTable = { readonly [name: string]: Setting | Section };

/** One setting of a table and its key, such as `worker.name`. */
export type SettingRow = Setting & { key: string };

type SectionShape<S extends Section> = { [K in keyof S]: S[K]['type'] };
type EntryType<E extends Setting | Section> = E extends Setting
  ? E['type']
  : E extends Section
    ? z.ZodPrefault<z.ZodObject<SectionShape<E>, z.core.$strict>>
    : never;

function isSetting(entry: Setting | Section): entry is Setting {
  return typeof entry.meaning === 'string';
}

/** Returns the shape of an object that has the settings of a section. */
export function sectionShape<S extends Section>(section: S): SectionShape<S>;
export function sectionShape(section: Section): Record<string, z.ZodType> {
  return Object.fromEntries(Object.entries(section).map(([field, { type }]) => [field, type]));
}

/**
 * Returns the shape of an object that has all settings of a table. A section may be absent, and refuses unknown names.
 */
export function tableShape<T extends SettingsTable>(table: T): { [K in keyof T]: EntryType<T[K]> };
export function tableShape(table: SettingsTable): Record<string, z.ZodType> {
  const entries = Object.entries(table).map(([name, entry]) => {
    return [name, isSetting(entry) ? entry.type : z.strictObject(sectionShape(entry)).prefault({})];
  });
  return Object.fromEntries(entries);
}

/** Lists the settings of a table by key, in its order. */
export function settingRows(table: SettingsTable): SettingRow[] {
  return Object.entries(table).flatMap(([name, entry]) => {
    if (isSetting(entry)) return [{ ...entry, key: name }];
    return Object.entries(entry).map(([field, setting]) => ({ ...setting, key: `${name}.${field}` }));
  });
}
