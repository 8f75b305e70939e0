/** Marks a text as code. */
export function code(text: string): string {
  return `\`${text}\``;
}

/** Returns the lines of a table in Markdown; the first row is its heading. */
export function tableOf([heading = [], ...rows]: string[][]): string[] {
  const line = (cells: string[]) => `| ${cells.join(' | ')} |`;
  return [line(heading), `|${heading.map(() => '---|').join('')}`, ...rows.map(line)];
}
