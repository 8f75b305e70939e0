import { posix } from 'node:path';
import { SETTINGS } from '../src/app/config-settings.ts';
import { OTHER_VARIABLES } from '../src/app/config-variables.ts';
import { EXIT_CODES } from '../src/app/exit-code.ts';
import { PROVIDER_SETTINGS } from '../src/catalogue/provider.ts';
import { BUILT_IN_PROVIDERS } from '../src/catalogue/rows.ts';
import { type SettingRow, settingRows } from '../src/contract/setting.ts';
import { FAILURES } from '../src/errors.ts';
import { commandList, commandSections } from './command-docs.ts';
import { CONTRACT_PARTS } from './contract-docs.ts';
import { code, tableOf } from './markdown-table.ts';
import { metricList } from './metric-docs.ts';

/** The parts of pages that are made from tables of the code: their lines by page and name. */
const PARTS: Record<string, Readonly<Record<string, () => string[]>>> = {
  'docs/reference/configuration.md': { settings, providers: providerSettings, variables: otherVariables },
  'docs/reference/failures.md': { codes: failureCodes },
  'docs/reference/metrics.md': { metrics: metricList },
  'docs/reference/cli.md': { commands: commandList, exits: exitCodes, sections: commandSections },
  'docs/reference/contract.md': CONTRACT_PARTS,
  'docs/explanations/credentials.md': { providers: builtInProviders },
};

/** The pages that have a generated part. */
export const GENERATED_PAGES = Object.keys(PARTS);

/**
 * Returns the text of a page with its generated parts written anew. A part is between `<!-- generated: NAME -->` and
 * `<!-- end -->`.
 */
export function withGenerated(page: string, text: string): string {
  let generated = text;
  for (const [name, lines] of Object.entries(PARTS[page] ?? {})) {
    const part = new RegExp(`(<!-- generated: ${name} -->\n)[\\s\\S]*?(<!-- end -->)`);
    if (!part.test(generated)) throw new Error(`${page} has no part <!-- generated: ${name} -->`);
    const written = `\n${lines()
      .map((line) => linksFrom(page, line))
      .join('\n')}\n\n`;
    generated = generated.replace(part, (_all, begin: string, end: string) => `${begin}${written}${end}`);
  }
  return generated;
}

/** The links of a line, which start at `docs/`, as this page needs them. */
function linksFrom(page: string, line: string): string {
  return line.replace(/\]\((?!#|https?:)([^)]+)\)/g, (_all, target: string) => {
    return `](${posix.relative(posix.dirname(page), posix.join('docs', target))})`;
  });
}

function failureCodes(): string[] {
  const rows = Object.entries(FAILURES).map(([name, { origin, means, disposition, remedy }]) => {
    return [code(name), origin, means, disposition, remedy];
  });
  return tableOf([['code', 'origin', 'means', 'disposition', 'remedy'], ...rows]);
}

function exitCodes(): string[] {
  return tableOf([['code', 'means'], ...EXIT_CODES.map(({ code, means }) => [String(code), means])]);
}

function builtInProviders(): string[] {
  const rows = Object.entries(BUILT_IN_PROVIDERS).map(([name, provider]) => {
    const { wire, base_url, credential, default_model: model, aliases = [] } = provider;
    const cells = [name, wire, base_url, credential].map(code);
    return [...cells, model === undefined ? '–' : code(model), aliases.map(code).join(', ')];
  });
  return tableOf([['provider', 'wire', 'base_url', 'credential', 'default_model', 'aliases'], ...rows]);
}

function settings(): string[] {
  const rows = settingRows(SETTINGS).map((row) => {
    return [code(row.key), row.variable === undefined ? '' : code(row.variable), defaultOf(row), row.meaning];
  });
  return tableOf([['key', 'variable', 'default', 'meaning'], ...rows]);
}

function providerSettings(): string[] {
  const rows = settingRows(PROVIDER_SETTINGS).map((row) => [code(row.key), defaultOf(row), row.meaning]);
  return tableOf([['key', 'default', 'meaning'], ...rows]);
}

function otherVariables(): string[] {
  const rows = OTHER_VARIABLES.map(({ name, isSecret, readBy, meaning }) => {
    return [isSecret ? `${code(name)}, ${code(`${name}_FILE`)}` : code(name), readBy, meaning];
  });
  const named = ['those that a `credential` names, and the same ending in `_FILE`', 'workers'];
  return tableOf([
    ['variable', 'read by', 'meaning'],
    ...rows,
    [...named, '[credentials](explanations/credentials.md)'],
  ]);
}

function defaultOf({ type, unit }: SettingRow): string {
  const { data } = type.safeParse(undefined);
  if (data === undefined) return '–';
  const text = code(typeof data === 'string' ? data : JSON.stringify(data));
  return unit === undefined ? text : `${text} ${unit}`;
}
