import { parseAst } from 'vitest/node';

/** One node of a syntax tree, in the form of ESTree. */
export type Node = {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly [field: string]: unknown;
};

/** A parsed file, with the lines of its positions. */
export class Source {
  readonly file: string;
  readonly body: readonly Node[];
  readonly #starts: readonly number[];

  /** @throws SyntaxError with the place, if the text does not parse. */
  constructor(file: string, text: string) {
    this.file = file;
    const program: unknown = parseAst(text, { lang: 'ts', preserveParens: false }, file);
    this.body = isNode(program) ? nodesIn(program, 'body') : [];
    this.#starts = [0, ...[...text.matchAll(/\n/g)].map(({ index }) => index + 1)];
  }

  /** The number of the line at a position, from 1. */
  lineAt(position: number): number {
    return this.#starts.findLastIndex((start) => start <= position) + 1;
  }
}

/** Whether a value is a node of a syntax tree. */
export function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && 'type' in value && 'start' in value;
}

/** The node in a field of another, if there is one. */
export function nodeIn(node: Node, field: string): Node | undefined {
  const value = node[field];
  return isNode(value) ? value : undefined;
}

/** The nodes in a list of another. */
export function nodesIn(node: Node, field: string): Node[] {
  const value = node[field];
  return Array.isArray(value) ? value.filter(isNode) : [];
}

/** The nodes directly below another, in the order of the text. */
export function childrenOf(node: Node): Node[] {
  return Object.values(node).flatMap((value) =>
    Array.isArray(value) ? value.filter(isNode) : isNode(value) ? [value] : [],
  );
}

/** The name that an identifier, a private name or a literal key spells. */
export function spelled(node: Node | undefined): string | undefined {
  if (!node) return undefined;
  if (node.type === 'PrivateIdentifier') return `#${String(node.name)}`;
  if (node.type === 'Identifier') return String(node.name);
  return node.type === 'Literal' ? String(node.value) : undefined;
}

/** Every name that a pattern binds: `a`, `{ a, b: c }`, `[a]`, `a = 1`, `...a`. */
export function boundBy(pattern: Node): string[] {
  if (pattern.type === 'Identifier') return [String(pattern.name)];
  if (pattern.type === 'Property') return boundIn(nodeIn(pattern, 'value'));
  if (pattern.type === 'AssignmentPattern') return boundIn(nodeIn(pattern, 'left'));
  if (pattern.type === 'RestElement') return boundIn(nodeIn(pattern, 'argument'));
  if (pattern.type === 'TSParameterProperty') return boundIn(nodeIn(pattern, 'parameter'));
  return [...nodesIn(pattern, 'properties'), ...nodesIn(pattern, 'elements')].flatMap(boundBy);
}

function boundIn(pattern: Node | undefined): string[] {
  return pattern ? boundBy(pattern) : [];
}
