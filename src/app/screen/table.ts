import { stripVTControlCharacters } from 'node:util';
import { oneLine as printableLine } from '../../base/text.ts';

/**
 * One row of a {@link table}: the text of each column by its heading. Cells may have colours; a missing cell is empty.
 */
export type Row = Record<string, string>;

const GAP = '  ';
const MIN_COLUMN = 4;
const ESCAPE = String.fromCharCode(27);
/** Colours and weights (SGR), the only control sequences that a cell may keep. */
const STYLE = new RegExp(`(${ESCAPE}\\[[\\d;]*m)`);
const NUMERIC = /^[-+$]?\d[\d.,]*(?: ?(?:%|ms|s|m|h|k|M))?$/;
const WIDE =
  /\p{Emoji_Presentation}|\p{Script=Han}|\p{Script=Hiragana}|\p{Script=Katakana}|\p{Script=Hangul}|[\uFE0F\u3000-\u303F\uFF01-\uFF60\uFFE0-\uFFE6]/u;
const graphemes = new Intl.Segmenter('en', { granularity: 'grapheme' });

/**
 * Formats rows as a text table of at most `width` columns, for a terminal.
 *
 * The headings are the keys of the rows, in the order of their first appearance. If the rows do not fit, the widest
 * columns are cut to at least four characters, and each cut cell ends in `…`. Columns of numbers are aligned right.
 * Line breaks and control sequences other than colours are removed from cells. Returns `''` if there are no rows.
 */
export function table(rows: readonly Row[], { width }: { width: number }): string {
  const headings = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  if (headings.length === 0) return '';
  const columns = headings.map((heading) => [heading, ...rows.map((row) => row[heading] ?? '')].map(oneLine));
  const widths = shrink(columns.map(widestOf), width);
  const laidOut = columns.map((cells, at) => layOut(cells, widths[at] ?? 0));
  const lines = Array.from({ length: rows.length + 1 }, (_, line) => laidOut.map((cells) => cells[line] ?? ''));
  const [heading = '', ...body] = lines.map((cells) => cells.join(GAP).trimEnd());
  const rule = widths.map((size) => '─'.repeat(size)).join(GAP);
  return [heading, rule, ...body].join('\n');
}

/** Returns the width of a text in columns of a terminal: styles take none, East Asian characters and emoji take two. */
export function textWidth(text: string): number {
  let width = 0;
  for (const { segment } of graphemes.segment(stripVTControlCharacters(text))) width += widthOf(segment);
  return width;
}

function widthOf(grapheme: string): number {
  return WIDE.test(grapheme) ? 2 : 1;
}

function oneLine(cell: string): string {
  const parts = cell.split(STYLE);
  return parts.map((part) => (STYLE.test(part) ? part : plain(part))).join('');
}

function plain(text: string): string {
  return printableLine(stripVTControlCharacters(text));
}

function widestOf(cells: readonly string[]): number {
  return cells.reduce((widest, cell) => Math.max(widest, textWidth(cell)), 0);
}

/** Shrinks the widest column by one until all columns fit beside each other. */
function shrink(wanted: readonly number[], width: number): number[] {
  const widths = [...wanted];
  let excess = widths.reduce((sum, size) => sum + size, 0) + GAP.length * (widths.length - 1) - width;
  while (excess-- > 0) {
    const widest = Math.max(...widths);
    if (widest <= MIN_COLUMN) break;
    widths[widths.indexOf(widest)] = widest - 1;
  }
  return widths;
}

function layOut(cells: readonly string[], width: number): string[] {
  const values = cells.slice(1).map(stripVTControlCharacters).filter(Boolean);
  const isNumeric = values.length > 0 && values.every((value) => NUMERIC.test(value));
  return cells.map((cell) => {
    const text = cut(cell, width);
    const padding = ' '.repeat(Math.max(0, width - textWidth(text)));
    return isNumeric ? padding + text : text + padding;
  });
}

/** Cuts the visible characters of a cell. All styles stay, so that no style continues into the next cell. */
function cut(cell: string, width: number): string {
  if (textWidth(cell) <= width) return cell;
  let left = width - 1;
  let kept = '';
  for (const part of cell.split(STYLE)) {
    if (STYLE.test(part)) {
      kept += part;
      continue;
    }
    for (const { segment } of graphemes.segment(part)) {
      if (left < 0) break;
      const size = widthOf(segment);
      kept += size <= left ? segment : '…';
      left = size <= left ? left - size : -1;
    }
  }
  return kept;
}
