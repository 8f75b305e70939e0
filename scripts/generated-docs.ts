import { BUILT_IN_PROVIDERS } from '../src/catalogue/rows.ts';
import { FAILURES } from '../src/errors.ts';

/** The parts of pages that are made from tables of the code: their lines by page and name. */
const PARTS: Record<string, Record<string, () => string[]>> = {
  'docs/failures.md': { codes: failureCodes },
  'docs/credentials.md': { providers: builtInProviders },
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
    const written = `\n${lines().join('\n')}\n\n`;
    generated = generated.replace(part, (_all, begin: string, end: string) => `${begin}${written}${end}`);
  }
  return generated;
}

function failureCodes(): string[] {
  const rows = Object.entries(FAILURES).map(([code, { origin, means, disposition, remedy }]) => {
    return [`\`${code}\``, origin, means, disposition, remedy];
  });
  return tableOf([['code', 'origin', 'means', 'disposition', 'remedy'], ...rows]);
}

function builtInProviders(): string[] {
  const code = (text: string) => `\`${text}\``;
  const rows = Object.entries(BUILT_IN_PROVIDERS).map(([name, provider]) => {
    const { wire, base_url, credential, default_model: model, aliases = [] } = provider;
    const cells = [name, wire, base_url, credential].map(code);
    return [...cells, model === undefined ? '–' : code(model), aliases.map(code).join(', ')];
  });
  return tableOf([['provider', 'wire', 'base_url', 'credential', 'default_model', 'aliases'], ...rows]);
}

/** A table in Markdown; the first row is its heading. */
function tableOf([heading = [], ...rows]: string[][]): string[] {
  const line = (cells: string[]) => `| ${cells.join(' | ')} |`;
  return [line(heading), `|${heading.map(() => '---|').join('')}`, ...rows.map(line)];
}
