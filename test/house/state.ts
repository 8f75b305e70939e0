import { dirname, join } from 'node:path/posix';
import { boundBy, childrenOf, type Node, nodeIn, nodesIn, type Source, spelled } from './syntax.ts';

/** A place of a file, and what is there. */
export type Place = { file: string; line: number; what: string };

const WRITERS = new Set(
  'set add delete clear push pop shift unshift splice sort reverse fill copyWithin getOrInsert getOrInsertComputed'.split(
    ' ',
  ),
);
const OBJECT_WRITERS = new Set(['assign', 'defineProperty', 'defineProperties', 'setPrototypeOf']);

/** Fields that anyone may write: public and not readonly, setters among them. Not exported classes leave the house as values too. */
export function mutableFieldsOf(source: Source): Place[] {
  return classesBelow(source.body).flatMap((owner) =>
    membersOf(owner)
      .filter(isMutableField)
      .map((member) => placeOf(source, member, `${className(owner)}.${fieldName(member)}`)),
  );
}

/** Whether a file declares nothing and only hands on what others export. */
export function isOnlyReexports(source: Source): boolean {
  const isHandedOn = (node: Node) =>
    node.type === 'ImportDeclaration' ||
    node.type === 'ExportAllDeclaration' ||
    (node.type === 'ExportNamedDeclaration' && !nodeIn(node, 'declaration'));
  return source.body.some((node) => node.type.startsWith('Export')) && source.body.every(isHandedOn);
}

/**
 * State that lives as long as the process: `let` and `var` outside of functions, static fields that are not readonly, and constants
 * whose value is written after it was defined, in this file or in one that imports it.
 */
export function mutableStateOf(sources: readonly Source[]): Place[] {
  return sources.flatMap((source) => {
    const variables = declarationsOf(source)
      .filter((node) => node.kind !== 'const')
      .map((node) => placeOf(source, node, `${String(node.kind)} ${namesOf(node).join(', ')}`));
    const fields = classesBelow(source.body).flatMap((owner) =>
      membersOf(owner)
        .filter((member) => member.static === true && member.type === 'PropertyDefinition' && member.readonly !== true)
        .map((member) => placeOf(source, member, `static ${className(owner)}.${fieldName(member)}`)),
    );
    const written = writesTo(new Set([...constantsOf(source), ...importsOf(source, sources)]), source.body).map(
      (node) => placeOf(source, node, `writes ${rootOf(node)} of the module`),
    );
    return [...variables, ...fields, ...written];
  });
}

function placeOf(source: Source, node: Node, what: string): Place {
  return { file: source.file, line: source.lineAt(node.start), what };
}

function classesBelow(nodes: readonly Node[]): Node[] {
  return nodes.flatMap((node) => {
    const below = classesBelow(childrenOf(node));
    return node.type === 'ClassDeclaration' || node.type === 'ClassExpression' ? [node, ...below] : below;
  });
}

/** The members of a class, with the fields that its constructor declares as parameters. */
function membersOf(owner: Node): Node[] {
  const body = nodeIn(owner, 'body');
  const members = body ? nodesIn(body, 'body') : [];
  const declared = members.flatMap((member) => {
    const value = member.kind === 'constructor' ? nodeIn(member, 'value') : undefined;
    return value ? nodesIn(value, 'params').filter(({ type }) => type === 'TSParameterProperty') : [];
  });
  return [...members, ...declared];
}

function isMutableField(member: Node): boolean {
  const isField =
    /PropertyDefinition$|^AccessorProperty$|^TSParameterProperty$/.test(member.type) || member.kind === 'set';
  const isPublic =
    (member.accessibility ?? 'public') === 'public' && nodeIn(member, 'key')?.type !== 'PrivateIdentifier';
  return isField && isPublic && member.readonly !== true;
}

function className(owner: Node): string {
  return spelled(nodeIn(owner, 'id')) ?? '(anonymous)';
}

function fieldName(member: Node): string {
  const parameter = nodeIn(member, 'parameter');
  return spelled(nodeIn(member, 'key')) ?? (parameter ? boundBy(parameter).join(', ') : '(computed)');
}

/** The declarations of variables outside of functions. */
function declarationsOf(source: Source): Node[] {
  const statements = source.body.map((node) => nodeIn(node, 'declaration') ?? node);
  return statements.filter(({ type, declare }) => type === 'VariableDeclaration' && declare !== true);
}

function namesOf(declaration: Node): string[] {
  return nodesIn(declaration, 'declarations').flatMap((node) => boundBy(nodeIn(node, 'id') ?? node));
}

function constantsOf(source: Source): string[] {
  return declarationsOf(source).flatMap(namesOf);
}

/** The names under which a file imports constants of other files of the house. */
function importsOf(source: Source, sources: readonly Source[]): string[] {
  const imports = source.body.filter(({ type }) => type === 'ImportDeclaration');
  return imports.flatMap((node) => {
    const target = join(dirname(source.file), spelled(nodeIn(node, 'source')) ?? '');
    const from = sources.find(({ file }) => file === target);
    const constants = from ? constantsOf(from) : [];
    return nodesIn(node, 'specifiers')
      .filter((specifier) => constants.includes(spelled(nodeIn(specifier, 'imported')) ?? ''))
      .flatMap((specifier) => spelled(nodeIn(specifier, 'local')) ?? []);
  });
}

/** Every node that writes one of these names or what it holds. A name that a function or a block binds anew is another one. */
function writesTo(names: ReadonlySet<string>, nodes: readonly Node[]): Node[] {
  if (names.size === 0) return [];
  return nodes.flatMap((node) => {
    const bound = new Set(boundWithin(node));
    const seen = bound.size === 0 ? names : new Set([...names].filter((name) => !bound.has(name)));
    const below = writesTo(seen, childrenOf(node));
    return isWrite(node) && seen.has(rootOf(node)) ? [node, ...below] : below;
  });
}

/** The names that a function or a block binds for what is in it. */
function boundWithin(node: Node): string[] {
  const declared = nodesIn(node, 'body')
    .filter(({ type }) => type === 'VariableDeclaration')
    .flatMap(namesOf);
  const looped = ['init', 'left'].flatMap((field) => {
    const head = nodeIn(node, field);
    return head?.type === 'VariableDeclaration' ? namesOf(head) : [];
  });
  const caught = node.type === 'CatchClause' ? boundBy(nodeIn(node, 'param') ?? node) : [];
  return [...nodesIn(node, 'params').flatMap(boundBy), ...declared, ...looped, ...caught];
}

function isWrite(node: Node): boolean {
  if (node.type === 'AssignmentExpression' || node.type === 'UpdateExpression') return true;
  if (node.type === 'UnaryExpression') return node.operator === 'delete';
  const callee = node.type === 'CallExpression' ? nodeIn(node, 'callee') : undefined;
  if (callee?.type !== 'MemberExpression') return false;
  const method = spelled(nodeIn(callee, 'property')) ?? '';
  return isOfObject(callee) ? OBJECT_WRITERS.has(method) : WRITERS.has(method);
}

function isOfObject(callee: Node): boolean {
  return ['Object', 'Reflect'].includes(spelled(nodeIn(callee, 'object')) ?? '');
}

/** The name at the root of what a node writes: `a` of `a.b[0] = 1`, of `a.b.push(1)`, of `Object.assign(a, b)`. */
function rootOf(node: Node): string {
  const callee = nodeIn(node, 'callee');
  let target = nodeIn(node, 'left') ?? nodeIn(node, 'argument');
  if (callee) target = isOfObject(callee) ? nodesIn(node, 'arguments')[0] : nodeIn(callee, 'object');
  while (target && !spelled(target)) target = nodeIn(target, 'object') ?? nodeIn(target, 'expression');
  return spelled(target) ?? '';
}
