import { CUT, namesOfTypeScript, proseOfMarkdown, proseOfTypeScript } from './prose.ts';

/** Words that no text of the repository uses, and what to write instead. A space matches any space. */
export type Wording = { readonly pattern: RegExp; readonly instead: string; readonly exceptIn?: string };

/** One place with such words. Lines count from 1. */
export type Violation = { readonly line: number; readonly words: string; readonly instead: string };

/** The page that numbers the behaviours of the replaced worker. */
const NUMBERED = 'docs/reference/delegate-task.md';
const CITED = 'the fact itself; cite only what is in this repository';

/** Wordings of prose: comments, strings, templates and pages. */
export const WORDINGS: Readonly<Record<string, Wording>> = {
  'where as a condition': {
    pattern: /(?:^|[,;:.(–] |\bunless )where (?:it|there|nothing|nobody|none|no |one |some|a |an |the )/i,
    instead: '"if" or "when"',
  },
  'is none': { pattern: /\b(?:is|are|was) none\b/, instead: 'name what is missing: "there is no …"' },
  'by now': { pattern: /\bby (?:then|now)\b/i, instead: '"already", "meanwhile" or the event' },
  whoever: { pattern: /\bwhoever\b/i, instead: 'name the person or the program' },
  nobody: { pattern: /\bnobody\b/i, instead: '"no one", or name who does not' },
  'tell of': { pattern: /\b(?:tell|tells|told|telling) of\b/, instead: '"report" or "show"' },
  heed: { pattern: /\bheed(?:s|ed|ing)?\b/i, instead: '"follow" or "respect"' },
  'give back': { pattern: /\b(?:giv(?:e|es|en|ing)|gave) back\b/i, instead: '"release" or "return"' },
  'sign of life': { pattern: /\bsigns? of life\b/, instead: '"heartbeat" or "responds"' },
  'for ever': { pattern: /\bfor ever\b/, instead: '"forever" or "without limit"' },
  'on record': { pattern: /\bon record\b/, instead: '"stored" or "recorded"' },
  'in vain': { pattern: /\bin vain\b/, instead: 'what failed or was repeated' },
  'come about': { pattern: /\b(?:comes?|came|coming) about\b/, instead: '"happen"' },
  'stand in': { pattern: /\b(?:stands?|stood|standing) in\b/, instead: '"is in" or "replaces"' },
  foresee: { pattern: /\bunforeseen\b|\bfore(?:saw|see|sees)\b/i, instead: '"unexpected"' },
  'as it comes': { pattern: /\bas (?:it|they) comes?\b/, instead: '"unchanged" or "in order of arrival"' },
  'without a word': { pattern: /\bwithout a word\b/, instead: '"silently" or "without an error"' },
  DESIGN: { pattern: /\bDESIGN\b/, instead: CITED },
  'a numbered promise': { pattern: /\bpromises? \d/i, instead: CITED },
  'a reference': { pattern: /(?<!docs\/|\.\/)\breference\/\w+\.md/, instead: CITED },
  'a numbered advice': { pattern: /\badvice \d/i, instead: CITED },
  'a numbered behaviour': { pattern: /\bB\d{1,3}\b/, instead: CITED, exceptIn: NUMBERED },
};

/** Wordings of names in code. */
export const NAMINGS: Readonly<Record<string, Wording>> = {
  'a superlative': { pattern: /\b(?:most|least|longest|oldest)_[A-Z]/i, instead: 'MAX_… or MIN_…' },
};

/** Finds the wordings to avoid in a TypeScript source or a page. The names of a source are checked too. */
export function violationsIn(file: string, text: string): Violation[] {
  if (file.endsWith('.md')) return find(Object.values(WORDINGS), file, text, proseOfMarkdown(text));
  const found = [
    ...find(Object.values(WORDINGS), file, text, proseOfTypeScript(text)),
    ...find(Object.values(NAMINGS), file, text, namesOfTypeScript(text)),
  ];
  return found.toSorted((a, b) => a.line - b.line);
}

/** Finds wordings in a prose whose positions are those of its text, in the order of their lines. */
function find(wordings: readonly Wording[], file: string, text: string, prose: string): Violation[] {
  const found = wordings
    .filter(({ exceptIn }) => exceptIn !== file)
    .flatMap(({ pattern, instead }) =>
      [...prose.matchAll(matcher(pattern))].map(({ index, 0: match }) => {
        const begin = index + match.length - match.trimStart().length;
        return { line: lineAt(text, begin), words: match.replace(/\s+/g, ' ').trim(), instead };
      }),
    );
  return found.toSorted((a, b) => a.line - b.line);
}

/** A wording as a global pattern, where `^` is the begin of a text and a space is any space. */
function matcher({ source, flags }: RegExp): RegExp {
  const begin = `(?<=^\\s*|${CUT}\\s*)`;
  return new RegExp(source.replaceAll('^', () => begin).replaceAll(' ', '\\s+'), `g${flags}`);
}

function lineAt(text: string, position: number): number {
  return text.slice(0, position).split('\n').length;
}
