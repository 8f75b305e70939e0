import { readdirSync, readFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';

/** The part of V8's coverage report that is read: how often each range of each function ran. */
const Stretch = z.object({ startOffset: z.number(), endOffset: z.number(), count: z.number() });
const Script = z.object({ url: z.string(), functions: z.array(z.object({ ranges: z.array(Stretch) })) });
const Covered = z.object({ result: z.array(Script) });

type Stretch = z.infer<typeof Stretch>;

/** The number of lines with code in a file, the number of lines that ran, and the line numbers that did not. */
export type FileCoverage = { file: string; lines: number; ran: number; missed: number[] };

/** Where each line of code begins and ends, without lines that only have types, comments or brackets. */
function codeLines(source: string): { number: number; start: number; end: number }[] {
  const bare = stripTypeScriptTypes(source).replaceAll(/\/\*[\s\S]*?\*\//g, (comment) =>
    comment.replaceAll(/[^\n]/g, ' '),
  );
  let at = 0;
  return bare.split('\n').flatMap((line, index) => {
    const start = at;
    at += line.length + 1;
    const code = line.replace(/\/\/.*$/, '');
    const isCode = /[a-z0-9]/i.test(code) && !/^\s*import\b/.test(code);
    const first = start + line.search(/\S/);
    return isCode ? [{ number: index + 1, start: first, end: start + code.trimEnd().length }] : [];
  });
}

/** Whether a place in a file ran, by the smallest range around it. */
function hasRun(stretches: readonly Stretch[], at: number): boolean {
  let smallest: Stretch | undefined;
  for (const stretch of stretches) {
    if (at < stretch.startOffset || at >= stretch.endOffset) continue;
    const length = stretch.endOffset - stretch.startOffset;
    if (!smallest || length <= smallest.endOffset - smallest.startOffset) smallest = stretch;
  }
  return smallest === undefined || smallest.count > 0;
}

function scriptsIn(dir: string): z.infer<typeof Script>[] {
  const reports = readdirSync(dir).filter((name) => name.endsWith('.json'));
  return reports.flatMap((name) => Covered.parse(JSON.parse(readFileSync(join(dir, name), 'utf8'))).result);
}

/** Sums up the reports of `NODE_V8_COVERAGE` in a directory, for the files whose path contains `part`. */
export function coverageIn(dir: string, part: string): FileCoverage[] {
  const ran = new Map<string, Set<number>>();
  for (const { url, functions } of scriptsIn(dir)) {
    if (!url.startsWith('file:') || !url.includes(part)) continue;
    const file = fileURLToPath(url);
    const stretches = functions.flatMap(({ ranges }) => ranges);
    const numbers = ran.get(file) ?? new Set();
    for (const { number, start } of codeLines(readFileSync(file, 'utf8'))) {
      if (hasRun(stretches, start)) numbers.add(number);
    }
    ran.set(file, numbers);
  }
  return [...ran].map(([file, numbers]) => {
    const lines = codeLines(readFileSync(file, 'utf8')).map(({ number }) => number);
    return { file, lines: lines.length, ran: numbers.size, missed: lines.filter((number) => !numbers.has(number)) };
  });
}

/** A table of the coverage, with a sum. */
export function coverageText(files: FileCoverage[]): string {
  const share = ({ lines, ran }: Pick<FileCoverage, 'lines' | 'ran'>) =>
    `${((100 * ran) / Math.max(1, lines)).toFixed(1)} %`;
  const sum = { lines: files.reduce((n, { lines }) => n + lines, 0), ran: files.reduce((n, { ran }) => n + ran, 0) };
  const rows = files.map(
    (one) => `${share(one)}  ${one.file.split('/src/').at(-1)}  missed: ${one.missed.join(' ') || 'none'}`,
  );
  return [...rows, `${share(sum)} of ${sum.lines} lines`].join('\n');
}
