import { expect, test } from 'vitest';
import { fieldOf, foreign, isObject, listOf, MAX_DEPTH, parseForeign, textOf, wordOf } from '../../src/base/foreign.ts';

const INHERITED = Object.getOwnPropertyNames(Object.prototype);

/** A field with this name inside objects and lists, as a parser returns it. */
function nested(name: string): string {
  return `{"a":[{"b":{${JSON.stringify(name)}:{"x":1},"kept":1}}],${JSON.stringify(name)}:2}`;
}

test.each(INHERITED)('a field named %s is ignored at any depth', (name) => {
  const taken = parseForeign(nested(name));
  expect(JSON.stringify(taken)).toBe('{"a":[{"b":{"kept":1}}]}');
  expect(Object.getPrototypeOf(taken)).toBe(Object.prototype);
});

test('JSON without such a field is the same value afterwards', () => {
  const value = { a: [1, 'x', null, { b: true }], prototype: 1, toJSON: 2, length: 3 };
  expect(foreign(value)).toBe(value);
});

test('a number that JSON cannot carry is null', () => {
  expect(parseForeign('{"n":1e400,"m":[-1e400]}')).toEqual({ n: null, m: [null] });
});

test('JSON nested too deep is refused before anything recurses into it', () => {
  const nest = (levels: number) => `${'['.repeat(levels)}${']'.repeat(levels)}`;
  expect(parseForeign(nest(MAX_DEPTH))).toEqual(JSON.parse(nest(MAX_DEPTH)));
  expect(() => parseForeign(nest(MAX_DEPTH + 1))).toThrow(SyntaxError);
  expect(() => parseForeign(nest(1_000_000))).toThrow(SyntaxError);
  expect(() => parseForeign(`{"__proto__":1,"n":1e400,"deep":${nest(MAX_DEPTH)}}`)).toThrow(SyntaxError);
});

test('fields are read from own properties alone', () => {
  const value = { a: { b: 'x', n: 5, list: [1], no: null } };
  expect([fieldOf(value, 'a', 'b'), fieldOf(value, 'toString'), fieldOf(null, 'a'), fieldOf('text', 'length')]).toEqual(
    ['x', undefined, undefined, undefined],
  );
  expect([wordOf(value, 'a', 'b'), wordOf(value, 'a', 'n'), wordOf(value, 'a', 'constructor')]).toEqual(['x', '', '']);
  expect([textOf(value, 'a', 'n'), textOf(value, 'a', 'no'), textOf(value, 'a', 'list')]).toEqual(['5', '', '[1]']);
  expect([listOf(value.a, 'list'), listOf(value, 'a')]).toEqual([[1], []]);
  expect([isObject([]), isObject(null), isObject({})]).toEqual([false, false, true]);
});
