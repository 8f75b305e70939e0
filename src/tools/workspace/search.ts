import { monotonicMs } from '../../base/clock.ts';
import { clip, counted, cut } from '../../base/text.ts';
import { MAX_FILE_BYTES, type WorkspaceFiles } from './files.ts';
import { namesIn } from './paths.ts';

/** The limits of one search: matching lines, bytes that are read, and time. */
const MAX_MATCHES = 200;
const MAX_BYTES = 64 * 1024 * 1024;
const MAX_MS = 10_000;
/** The maximum length of a line in the result, in characters, and of the part before the match. */
const LINE_CHARS = 300;
const BEFORE_CHARS = 100;

/** What is searched for: an exact text within one line, in all files or in those at or below `path`. */
export type Search = { text: string; path?: string | undefined; ignoresCase: boolean };

type Match = { path: string; line: number; text: string };

/**
 * Searches text files line by line, in the order of their paths. Skips binary files and files that are too large. The
 * result names the limit at which the search stopped.
 */
export async function search(files: WorkspaceFiles, wanted: Search, signal: AbortSignal): Promise<string> {
  if (/[\r\n]/.test(wanted.text)) throw new Error('text has a line break; expected a text within one line');
  const until = monotonicMs() + MAX_MS;
  const matches: Match[] = [];
  let bytes = 0;
  let stop = '';
  for (const file of await filesAt(files, wanted.path)) {
    signal.throwIfAborted();
    if (file.bytes > MAX_FILE_BYTES) continue;
    bytes += file.bytes;
    if (bytes > MAX_BYTES) stop = `after reading ${MAX_BYTES} bytes`;
    else if (monotonicMs() > until) stop = `after ${MAX_MS / 1000} s`;
    if (stop !== '') break;
    addMatches(matches, file.path, { content: await files.read(file.path), wanted });
    if (matches.length <= MAX_MATCHES) continue;
    matches.length = MAX_MATCHES;
    stop = `after ${MAX_MATCHES} matching lines`;
    break;
  }
  return inWords(matches, stop);
}

async function filesAt(files: WorkspaceFiles, path: string | undefined): Promise<{ path: string; bytes: number }[]> {
  const all = await files.list();
  if (path === undefined || path === '.' || path === './') return all;
  const at = namesIn(path).join('/');
  const found = all.filter((file) => file.path === at || file.path.startsWith(`${at}/`));
  if (found.length === 0) throw new Error(`there is no file at or below "${path}"`);
  return found;
}

function addMatches(matches: Match[], path: string, { content, wanted }: { content: Buffer; wanted: Search }): void {
  if (content.includes(0)) return;
  const fold = (text: string) => (wanted.ignoresCase ? text.toLowerCase() : text);
  const text = content.toString('utf8');
  const needle = fold(wanted.text);
  if (!fold(text).includes(needle)) return;
  for (const [at, line] of text.split(/\r\n|\n|\r/).entries()) {
    const column = fold(line).indexOf(needle);
    if (column < 0) continue;
    matches.push({ path, line: at + 1, text: around(line, column) });
    if (matches.length > MAX_MATCHES) return;
  }
}

/** The part of a line around a match. Folding may change the length of a text, so the column is near, not exact. */
function around(line: string, column: number): string {
  if (line.length <= LINE_CHARS) return line;
  const from = cut(line, column - BEFORE_CHARS).length;
  return `${from > 0 ? '…' : ''}${clip(line.slice(from), LINE_CHARS)}`;
}

function inWords(matches: readonly Match[], stop: string): string {
  const lines = matches.map(({ path, line, text }) => `${path}:${line}: ${text}`);
  const total =
    stop === ''
      ? `${counted(matches.length, 'matching line')}.`
      : `The search stopped ${stop}: there may be more. Search in one folder or file with path, or for a longer text.`;
  return [...lines, total].join('\n');
}
