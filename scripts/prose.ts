import { SyntaxKind } from 'typescript/unstable/ast';
import { createScanner, type Scanner } from 'typescript/unstable/ast/scanner';

/** Replaces each character that is not prose. A text begins anew after it. */
export const CUT = '\uFFFC';
/** Replaces each character of a name or a value that a sentence contains, such as code between backticks. */
const NAME = 'x';

const COMMENTS: ReadonlySet<SyntaxKind> = new Set([
  SyntaxKind.SingleLineCommentTrivia,
  SyntaxKind.MultiLineCommentTrivia,
]);
const TEXTS: ReadonlySet<SyntaxKind> = new Set([
  SyntaxKind.StringLiteral,
  SyntaxKind.NoSubstitutionTemplateLiteral,
  SyntaxKind.TemplateHead,
  SyntaxKind.TemplateMiddle,
  SyntaxKind.TemplateTail,
]);
/** A slash after one of these tokens divides. After any other token it begins a regular expression. */
const VALUES: ReadonlySet<SyntaxKind> = new Set([
  SyntaxKind.Identifier,
  SyntaxKind.PrivateIdentifier,
  SyntaxKind.NumericLiteral,
  SyntaxKind.BigIntLiteral,
  SyntaxKind.StringLiteral,
  SyntaxKind.RegularExpressionLiteral,
  SyntaxKind.NoSubstitutionTemplateLiteral,
  SyntaxKind.TemplateTail,
  SyntaxKind.CloseParenToken,
  SyntaxKind.CloseBracketToken,
  SyntaxKind.CloseBraceToken,
  SyntaxKind.ThisKeyword,
  SyntaxKind.SuperKeyword,
]);

/** One token of a source, and where it is. */
type Token = { kind: SyntaxKind; start: number; end: number };

/**
 * Returns the prose of a TypeScript source: its comments, strings and templates, each at its place. All other characters
 * are cut, so that positions and lines stay the same. Lines of one comment are joined by spaces.
 */
export function proseOfTypeScript(source: string): string {
  const prose = blank(source).split('');
  for (const { kind, start, end } of tokensOf(source)) {
    const text = source.slice(start, end);
    if (COMMENTS.has(kind)) put(prose, start, proseOfComment(text));
    if (TEXTS.has(kind)) put(prose, start, proseOfText(text, kind));
  }
  return joinLineComments(source, prose.join(''));
}

/** Returns the names in a TypeScript source, each at its place. All other characters are cut. */
export function namesOfTypeScript(source: string): string {
  const names = blank(source).split('');
  for (const { kind, start, end } of tokensOf(source)) {
    if (kind === SyntaxKind.Identifier || kind === SyntaxKind.PrivateIdentifier)
      put(names, start, source.slice(start, end));
  }
  return names.join('');
}

/**
 * Returns the prose of a page in Markdown, each character at its place: no code, no targets of links, no comments. Lines
 * of one paragraph are joined by spaces.
 */
export function proseOfMarkdown(page: string): string {
  return page
    .replace(/^( *)(```+|~~~+)[^\n]*\n[\s\S]*?(?:^ *\2[`~]*$|(?![\s\S]))/gm, blank)
    .replace(/<!--[\s\S]*?-->/g, blank)
    .replace(/(`+)(?!`)(?:[^\n]|\n(?!\s*\n))*?(?<!`)\1(?!`)/g, nameFor)
    .replace(/\]\([^)\s]*\)/g, nameFor)
    .replace(/^(?:[ \t]*(?:[-*+>]|#+|\d+\.)[ \t]+)+/gm, blank)
    .replace(/\n[ \t]*(?=\n)|\|/g, blank)
    .replace(/\n(?!\uFFFC)[ \t]*/g, (gap) => ' '.repeat(gap.length));
}

function tokensOf(source: string): Token[] {
  const scanner = createScanner(false);
  scanner.setText(source);
  const tokens: Token[] = [];
  /** For each open brace, whether it began a substitution in a template. */
  const braces: boolean[] = [];
  let before: SyntaxKind = SyntaxKind.Unknown;
  for (let kind = scanner.scan(); kind !== SyntaxKind.EndOfFile; kind = scanner.scan()) {
    kind = rescanned(scanner, kind, before, braces);
    tokens.push({ kind, start: scanner.getTokenStart(), end: scanner.getTokenEnd() });
    if (kind > SyntaxKind.NonTextFileMarkerTrivia) before = kind;
  }
  return tokens;
}

/** Decides what the scanner alone cannot: which slash begins a regular expression, and which brace ends a substitution. */
function rescanned(scanner: Scanner, kind: SyntaxKind, before: SyntaxKind, braces: boolean[]): SyntaxKind {
  if (kind === SyntaxKind.OpenBraceToken) braces.push(false);
  if (kind === SyntaxKind.TemplateHead) braces.push(true);
  if ((kind === SyntaxKind.SlashToken || kind === SyntaxKind.SlashEqualsToken) && !VALUES.has(before))
    return scanner.reScanSlashToken();
  if (kind !== SyntaxKind.CloseBraceToken || braces.pop() !== true) return kind;
  const next = scanner.reScanTemplateToken(false);
  if (next === SyntaxKind.TemplateMiddle) braces.push(true);
  return next;
}

function proseOfComment(comment: string): string {
  return comment
    .replace(/^\/\*+|^\/\/+|\*+\/$/g, blank)
    .replace(/`[^`\n]+`/g, nameFor)
    .replace(/\n[ \t]*\*?[ \t]*(?=\n|@|- |\uFFFC)/g, blank)
    .replace(/\n[ \t]*\*?[ \t]*/g, (gap) => ' '.repeat(gap.length));
}

function proseOfText(literal: string, kind: SyntaxKind): string {
  const begins = kind !== SyntaxKind.TemplateMiddle && kind !== SyntaxKind.TemplateTail;
  const ends = kind !== SyntaxKind.TemplateHead && kind !== SyntaxKind.TemplateMiddle;
  const closing = ends ? 1 : 2;
  const inner = literal.slice(1, -closing).replace(/\\n|\n/g, blank);
  return `${begins ? CUT : NAME}${inner}${(ends ? CUT : NAME).repeat(closing)}`;
}

/** Makes one text of line comments that follow each other. */
function joinLineComments(source: string, prose: string): string {
  let joined = prose;
  for (const { index, 0: gap } of source.matchAll(/(?<=^[ \t]*\/\/[^\n]*)\n[ \t]*\/\/[ \t]*(?=[^\s])/gm)) {
    const isComment = prose.slice(index, index + gap.length).trim() === CUT.repeat(gap.trimEnd().length);
    if (isComment) joined = joined.slice(0, index) + ' '.repeat(gap.length) + joined.slice(index + gap.length);
  }
  return joined;
}

function put(characters: string[], start: number, text: string): void {
  for (let index = 0; index < text.length; index++) characters[start + index] = text[index] ?? CUT;
}

function blank(text: string): string {
  return CUT.repeat(text.length);
}

function nameFor(text: string): string {
  return NAME.repeat(text.length);
}
