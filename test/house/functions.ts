import { childrenOf, type Node, nodeIn, nodesIn, type Source, spelled } from './syntax.ts';

/** One function: how long it is, and how many parameters it takes. A signature without a body has a length too. */
export type FunctionMeasure = { file: string; line: number; name: string; lines: number; parameters: number };

const FUNCTIONS = new Set([
  'FunctionDeclaration',
  'FunctionExpression',
  'ArrowFunctionExpression',
  'TSDeclareFunction',
  'TSEmptyBodyFunctionExpression',
  'TSFunctionType',
  'TSMethodSignature',
  'TSCallSignatureDeclaration',
]);

/** Every function of a file: declarations, methods, constructors, arrows, and the signatures of types. */
export function functionsOf(source: Source): FunctionMeasure[] {
  return source.body.flatMap((node) => functionsBelow(node, [], source));
}

function functionsBelow(node: Node, names: readonly string[], source: Source): FunctionMeasure[] {
  const name = nameOf(node);
  const within = name === undefined ? names : [...names, name];
  const below = childrenOf(node).flatMap((child) => functionsBelow(child, within, source));
  if (!FUNCTIONS.has(node.type)) return below;
  const line = source.lineAt(node.start);
  const measure = {
    file: source.file,
    line,
    name: within.join('.') || '(anonymous)',
    lines: source.lineAt(node.end) - line + 1,
    parameters: nodesIn(node, 'params').filter((parameter) => parameter.name !== 'this').length,
  };
  return [measure, ...below];
}

/** The name that a node gives to what is in it. */
function nameOf(node: Node): string | undefined {
  if (node.type === 'Property' || node.type === 'CallExpression') return undefined;
  return spelled(nodeIn(node, 'id')) ?? (node.type.startsWith('TSType') ? undefined : spelled(nodeIn(node, 'key')));
}
