/**
 * A fenced block: its language, the word after it, and where it begins. `section` is the anchor of its heading; it is
 * empty under the title of the page.
 */
export type CodeBlock = { file: string; section: string; line: number; language: string; mark: string; text: string };

/** Every fenced block of a page. */
export function codeBlocks(file: string, page: string): CodeBlock[] {
  return [...page.matchAll(/^```(\w*)[ ]?(\w*)\n([\s\S]*?)^```$/gm)].map((match) => {
    const [, language = '', mark = '', text = ''] = match;
    const [, ...sections] = anchorsOf(page.slice(0, match.index));
    const section = sections.at(-1) ?? '';
    return { file, section, line: lineAt(page, match.index), language, mark, text };
  });
}

/** The cells of every table of a page whose first column has this heading, without the heading and the rule. */
export function tableRows(page: string, heading: string): string[][] {
  const tables = page.match(/(?:^\|.*\|$\n?)+/gm) ?? [];
  return tables
    .map((table) => table.trim().split('\n').map(cellsOf))
    .filter(([head]) => head?.[0] === heading)
    .flatMap(([, , ...rows]) => rows);
}

/** The code in a cell: what stands between backticks. */
export function codesIn(cell: string): string[] {
  return [...cell.matchAll(/`([^`]+)`/g)].map(([, code = '']) => code);
}

/** The targets of all links outside of code. */
export function linksOf(page: string): string[] {
  return [...prose(page).matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = '']) => target);
}

/** The anchors that GitHub gives the headings of a page. */
export function anchorsOf(page: string): Set<string> {
  const headings = [...prose(page).matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) => heading);
  return new Set(
    headings.map((heading) =>
      heading
        .toLowerCase()
        .replace(/[^\w\- ]/g, '')
        .replaceAll(' ', '-'),
    ),
  );
}

/** A page without its fenced blocks. */
export function prose(page: string): string {
  return page.replace(/^```[\s\S]*?^```$/gm, '');
}

function lineAt(page: string, index: number): number {
  return page.slice(0, index).split('\n').length;
}

function cellsOf(row: string): string[] {
  return row
    .slice(1, -1)
    .split('|')
    .map((cell) => cell.trim());
}
