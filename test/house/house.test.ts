import { expect, test } from 'vitest';
import { measureHouse } from './house.ts';

const FILE = 'src/queue/a.ts';

function whatIn(places: readonly { what: string }[]): string[] {
  return places.map(({ what }) => what);
}

test('the sizes of a room are those of its files', () => {
  const sources = { 'src/queue/a.ts': 'a;\n', 'src/queue/b.ts': 'a;\nb;\nc;\n', 'src/redis/a.ts': 'a;\nb;\n' };
  expect(measureHouse(sources).rooms).toEqual([
    { room: 'queue', files: 2, lines: 4, median: 1, p90: 3, longest: 'src/queue/b.ts (3)' },
    { room: 'redis', files: 1, lines: 2, median: 2, p90: 2, longest: 'src/redis/a.ts (2)' },
    { room: 'all', files: 3, lines: 6, median: 2, p90: 3, longest: 'src/queue/b.ts (3)' },
  ]);
});

test.each([
  ['a function', 'export async function f() {BODY}', 'f'],
  ['a method', 'class A { m() {BODY} }', 'A.m'],
  ['a private method', 'class A { #m() {BODY} }', 'A.#m'],
  ['a constructor', 'class A { constructor() {BODY} }', 'A.constructor'],
  ['a constant', 'export const f = async () => {BODY};', 'f'],
  ['a function inside another one', 'const a = { f: g(() => {BODY}) };', 'a'],
])('%s of more than 40 lines is named', (_, text, name) => {
  const sized = (lines: number) =>
    measureHouse({ [FILE]: text.replace('BODY', '\n'.repeat(lines - 1)) }).longFunctions.map((found) => found.name);
  expect(sized(40)).toEqual([]);
  expect(sized(41)).toEqual([name]);
});

test.each([
  ['a function', 'function f(a, b, c, d, e) {}'],
  ['patterns', 'const f = ({ a, b }, [c], d = 1, e, ...g) => {};'],
  ['a constructor', 'class A { constructor(a, b, c, d, readonly e) {} }'],
  ['a type', 'type F = (a: A, b: B, c: C, d: D, e: E) => void;'],
  ['an interface', 'interface F { f(a: A, b: B, c: C, d: D, e: E): void }'],
])('more than four parameters are found in %s', (_, text) => {
  expect(measureHouse({ [FILE]: text }).manyParameters.map(({ parameters }) => parameters)).toEqual([5]);
});

test('a value with names is one parameter, and `this` is none', () => {
  const text = 'function f(this: A, { a, b, c }, d, e, g) {}';
  expect(measureHouse({ [FILE]: text }).manyParameters).toEqual([]);
});

test('fields that anyone may write are found', () => {
  const fields = 'a = 1; declare b: B; static c = 1; set d(v) {} readonly e = 1; #f = 1; private g = 1; get h() {}';
  const text = `class A { ${fields} constructor(public i: I, readonly j: J) {} }`;
  expect(whatIn(measureHouse({ [FILE]: text }).mutableFields)).toEqual(['A.a', 'A.b', 'A.c', 'A.d', 'A.i']);
});

test('a file that only hands on what others export is found', () => {
  const reexports = (text: string) => measureHouse({ [FILE]: text }).reexports;
  expect(reexports("import { a } from './a.ts';\nexport { a };\nexport type { B } from './b.ts';")).toEqual([FILE]);
  expect(reexports("export { a } from './a.ts';\nexport const b = 1;")).toEqual([]);
  expect(reexports("import './a.ts';")).toEqual([]);
});

test.each([
  'let a = 1;',
  'export let a: number | undefined;',
  'var a = 1;',
  'const a = new Map(); function f() { a.set(1, 2); }',
  'export const a = []; const f = () => a.push(1);',
  'const a = { b: 1 }; function f() { a.b = 2; }',
  'const a = { b: [] }; function f() { a.b[0] += 2; }',
  'const a = { b: 1 }; function f() { a.b++; }',
  'const a = { b: 1 }; function f() { delete a.b; }',
  'const a = { b: 1 }; function f() { Object.assign(a, { b: 2 }); }',
  'const a = /x/g; function f() { a.lastIndex = 0; }',
  'const { a } = g(); function f() { (a as A).b = 1; }',
  'class A { static b = 1; }',
  'class A { static #b: B | undefined; }',
])('state of a module is found: %s', (text) => {
  expect(measureHouse({ [FILE]: text }).mutableState).toHaveLength(1);
});

test.each([
  'const a = new Map([[1, 2]]); function f() { return a.get(1); }',
  'const a = []; function f(a) { a.push(1); }',
  'const a = []; function f() { const a = []; a.push(1); }',
  'const a = []; function f() { for (const a of b) a.c = 1; }',
  'const a = []; function f() { try { g(); } catch (a) { a.b = 1; } }',
  'const a = []; const f = ({ b: a }) => a.push(1);',
  'const a = [3, 1].sort();',
  'const a = { ...b }; function f() { const c = { ...a }; c.d = 1; }',
  'declare const a: unique symbol;',
  'class A { static readonly b = 1; #c = new Map(); d() { this.#c.set(1, 2); } }',
])('no state of a module: %s', (text) => {
  expect(measureHouse({ [FILE]: text }).mutableState).toEqual([]);
});

test('a constant of another file that is written is state of a module', () => {
  const exported = { 'src/queue/b.ts': 'export const b = new Set();' };
  const writes = (text: string) => whatIn(measureHouse({ ...exported, [FILE]: text }).mutableState);
  expect(writes("import { b as c } from './b.ts';\nc.add(1);")).toEqual(['writes c of the module']);
  expect(writes("import { b } from './b.ts';\nb.has(1);")).toEqual([]);
});
