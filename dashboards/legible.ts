import type { Redactor } from '../src/base/secret.ts';
import { cut, printable } from '../src/base/text.ts';

const MAX_VALUE = 4096;
const MAX_TEXT = 1024;

/**
 * Prepares any JSON value for display. Every text in it, keys included, becomes printable, has its secrets masked, and
 * is cut after 4,096 characters with a note.
 *
 * Masks before it cuts, because half a secret is not recognized.
 */
export function legible(value: unknown, redactor: Redactor): unknown {
  return mapTexts(value, (text) => shorten(redactor.scrub(printable(text)), MAX_VALUE));
}

/**
 * Like {@link legible}, for one value of a job that may be of any size: over 4,096 characters of JSON, texts are cut
 * after 1,024 and further values are left out, each with a note. Browsers hang on jobs of several megabytes.
 */
export function legibleExcerpt(value: unknown, redactor: Redactor): unknown {
  const clean = mapTexts(value, (text) => redactor.scrub(printable(text)));
  return (JSON.stringify(clean)?.length ?? 0) <= MAX_VALUE ? clean : excerptOf(clean);
}

function mapTexts(value: unknown, change: (text: string) => string): unknown {
  if (typeof value === 'string') return change(value);
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((item) => mapTexts(item, change));
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [change(key), mapTexts(item, change)]));
}

function shorten(text: string, max: number): string {
  return text.length <= max ? text : `${cut(text, max)}… (${text.length - max} more characters)`;
}

function excerptOf(value: unknown): unknown {
  let room = MAX_VALUE;
  const take = (node: unknown): unknown => {
    if (typeof node === 'string') {
      const text = shorten(node, MAX_TEXT);
      room -= text.length;
      return text;
    }
    room -= String(null).length;
    if (typeof node !== 'object' || node === null) return node;
    if (Array.isArray(node)) return takeEach(Object.entries(node)).map(([, item]) => item);
    return Object.fromEntries(takeEach(Object.entries(node)));
  };
  const takeEach = (entries: [string, unknown][]): [string, unknown][] => {
    const kept: [string, unknown][] = [];
    for (const [key, item] of entries) {
      if (room <= 0) return [...kept, ['…', `… (${entries.length - kept.length} more)`]];
      room -= key.length;
      kept.push([shorten(key, MAX_TEXT), take(item)]);
    }
    return kept;
  };
  return take(value);
}
