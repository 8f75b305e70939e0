import { expect, test } from 'vitest';
import { clip, cut, piecesOf, wellFormed } from '../../src/base/text.ts';

const TEXT = 'a😀b👩‍👧é𝄞';

test('no cut of a text makes half a character', () => {
  for (let max = 0; max <= TEXT.length; max++) {
    for (const part of [cut(TEXT, max), clip(TEXT, max), ...piecesOf(TEXT, Math.max(2, max))]) {
      expect(part.isWellFormed()).toBe(true);
    }
    expect(cut(TEXT, max).length).toBeLessThanOrEqual(max);
    expect(clip(TEXT, max).length).toBeLessThanOrEqual(Math.max(1, max));
    expect(piecesOf(TEXT, Math.max(2, max)).join('')).toBe(TEXT);
  }
});

test('a text that fits is not cut', () => {
  expect([cut(TEXT, TEXT.length), clip(TEXT, TEXT.length), piecesOf('', 4)]).toEqual([TEXT, TEXT, []]);
});

test('half characters are replaced at any depth, and whole ones stay', () => {
  const value = { '\ud800': ['\udc00x', { a: 'y\ud83d' }], '😀': '😀' };
  expect(wellFormed(value)).toEqual({ '\ufffd': ['\ufffdx', { a: 'y\ufffd' }], '😀': '😀' });
  const whole = { a: ['😀'], b: 1 };
  expect(wellFormed(whole)).toBe(whole);
});
