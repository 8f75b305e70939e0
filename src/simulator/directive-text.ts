import { cut } from '../base/text.ts';
import { inWords } from '../contract/schema-words.ts';
import { Directive } from './directive.ts';

const OPENING = '[[sim:';

/** A directive found in a text, with the text it was written as. */
export type FoundDirective = { source: string; directive: Directive };

/** The result of reading a text: every directive in order, or the problem of the first invalid directive. */
export type DirectiveReading = { found: FoundDirective[]; prose: string } | { problem: string };

type Scanned = { fields: Record<string, unknown>; end: number } | { problem: string };

function endOfString(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at++) {
    if (text[at] === '\\') at++;
    else if (text[at] === '"') return at + 1;
  }
  return -1;
}

function endOfJson(text: string, start: number): number {
  if (text[start] === '"') return endOfString(text, start);
  for (let at = start, depth = 0; at < text.length; at++) {
    const char = text[at];
    if (char === '"') {
      at = endOfString(text, at) - 1;
      if (at < 0) return -1;
    } else if (char === '{' || char === '[') depth++;
    else if ((char === '}' || char === ']') && --depth === 0) return at + 1;
  }
  return -1;
}

function fromBareWord(word: string): string | number | boolean {
  if (/^-?\d+(\.\d+)?$/.test(word)) return Number(word);
  return word === 'true' || (word === 'false' ? false : word);
}

function valueAt(text: string, start: number): { value: unknown; end: number } | { problem: string } {
  if (/["{[]/.test(text[start] ?? '')) {
    const end = endOfJson(text, start);
    if (end < 0) return { problem: 'expected the end of the JSON value' };
    try {
      return { value: JSON.parse(text.slice(start, end)), end };
    } catch {
      return { problem: `expected JSON, got ${text.slice(start, end)}` };
    }
  }
  const word = /^[^\s\]]+/.exec(cut(text.slice(start), 200))?.[0] ?? '';
  return word === ''
    ? { problem: 'expected a value after "="' }
    : { value: fromBareWord(word), end: start + word.length };
}

function scanFields(text: string, start: number): Scanned {
  const fields: Record<string, unknown> = {};
  const token = /\s*(?:(\]\])|([a-z_]+)(=?))/y;
  for (let at = start; ; ) {
    token.lastIndex = at;
    const match = token.exec(text);
    if (!match) return { problem: `expected name=value or "]]", got "${cut(text.slice(at), 20)}"` };
    const [, isClosed, name, hasValue] = match;
    if (isClosed) return { fields, end: token.lastIndex };
    if (!name) return { problem: 'expected the name of a parameter' };
    if (!hasValue) {
      fields[name] = true;
      at = token.lastIndex;
      continue;
    }
    const scanned = valueAt(text, token.lastIndex);
    if ('problem' in scanned) return { problem: `${name}: ${scanned.problem}` };
    fields[name] = scanned.value;
    at = scanned.end;
  }
}

/**
 * Reads every `[[sim: name=value …]]` of a text. A value is a bare word, a number, or JSON (a quoted string, `{…}`,
 * `[…]`). A name alone means `true`. `prose` is the text without the directives.
 *
 * An invalid directive is a problem and never ignored: a typing error must not look like a healthy provider.
 */
export function readDirectives(text: string): DirectiveReading {
  const found: FoundDirective[] = [];
  let prose = '';
  let at = 0;
  for (let open = text.indexOf(OPENING); open >= 0; open = text.indexOf(OPENING, at)) {
    const scanned = scanFields(text, open + OPENING.length);
    if ('problem' in scanned) return { problem: `simulator directive: ${scanned.problem}` };
    const source = text.slice(open, scanned.end);
    const parsed = Directive.safeParse(scanned.fields, inWords('field'));
    if (!parsed.success) {
      const [issue] = parsed.error.issues;
      return { problem: `simulator directive ${source}: ${issue?.path.join('.')}: ${issue?.message}` };
    }
    found.push({ source, directive: parsed.data });
    prose += text.slice(at, open);
    at = scanned.end;
  }
  return { found, prose: (prose + text.slice(at)).trim() };
}
