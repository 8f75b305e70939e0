import { stripVTControlCharacters } from 'node:util';
import { oneLine as printableLine } from '../../base/text.ts';

/** One line of a {@link table}: the text of each column by its heading. Cells may carry colours; one left out is empty. */
export type Row = Record<string, string>;

const GAP = '  ';
const MIN_COLUMN = 4;
const ESCAPE = String.fromCharCode(27);
/** Colours and weights (SGR), the one kind of control sequence that a cell may keep. */
const STYLE = new RegExp(`(${ESCAPE}\\[[\\d;]*m)`);
const NUMERIC = /^[-+$]?\d[\d.,]*(?: ?(?:%|ms|s|m|h|k|M))?$/;
const WIDE =
  /\p{Emoji_Presentation}|\p{Script=Han}|\p{Script=Hiragana}|\p{Script=Katakana}|\p{Script=Hangul}|[\uFE0F\u3000-\u303F\uFF01-\uFF60\uFFE0-\uFFE6]/u;
const graphemes = new Intl.Segmenter('en', { granularity: 'grapheme' });

/**
 * Lays rows out as a text table that is at most `width` columns wide, for a terminal.
 *
 * Headings are the keys of the rows, in the order they first appear. Where the rows do not fit, the widest columns are
 * cut, each cut cell ending in `…`; no column gets narrower than four. Columns of numbers are aligned right. Line breaks
 * and control sequences other than colours are taken out of cells. Returns `''` for no rows.
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

/** How many columns of a terminal the text takes up: styles take none, East Asian characters and emoji take two. */
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

/** Takes from the widest column, one at a time, until all of them fit beside each other. */
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

/** Cuts the visible characters only: every style that the cell opens or closes stays, so none runs into the next cell. */
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
