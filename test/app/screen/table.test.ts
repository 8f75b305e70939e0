import { stripVTControlCharacters, styleText } from 'node:util';
import { describe, expect, test } from 'vitest';
import { table, textWidth } from '../../../src/app/screen/table.ts';

const red = (text: string) => styleText('red', text, { validateStream: false });
const linesOf = (text: string) => text.split('\n');

describe('table', () => {
  test('sets headings over a rule and columns beside each other, numbers to the right', () => {
    const rows = [
      { task: 'b1-0', status: 'succeeded', tokens: '1,204' },
      { task: 'b1-11', status: 'failed', tokens: '98' },
    ];
    expect(linesOf(table(rows, { width: 80 }))).toEqual([
      'task   status     tokens',
      '─────  ─────────  ──────',
      'b1-0   succeeded   1,204',
      'b1-11  failed         98',
    ]);
  });

  test('cuts the widest column first, and no line passes the width', () => {
    const rows = [{ task: 'b1-0', goal: 'Summarise the quarterly report in one page', model: 'gpt-5.2-mini' }];
    expect(linesOf(table(rows, { width: 36 }))).toEqual([
      'task  goal              model',
      '────  ────────────────  ────────────',
      'b1-0  Summarise the q…  gpt-5.2-mini',
    ]);
  });

  test('cuts the rest once the widest is no wider than they are', () => {
    const text = table([{ a: 'x'.repeat(30), b: 'y'.repeat(50), c: 'z' }], { width: 25 });
    expect(linesOf(text)[2]).toBe(`${'x'.repeat(9)}…  ${'y'.repeat(9)}…  z`);
  });

  test('leaves four characters to each column on a terminal that is too narrow for all', () => {
    expect(linesOf(table([{ first: 'abcdefgh', second: 'ijklmnop' }], { width: 3 }))[2]).toBe('abc…  ijk…');
  });

  test('ignores styles when it measures, and closes the style of a cell that it cuts', () => {
    const text = table([{ status: red('failed with a very long reason'), task: 'b1-0' }], { width: 20 });
    const line = linesOf(text)[2] ?? '';
    expect(stripVTControlCharacters(line)).toBe('failed with a…  b1-0');
    expect(line).toBe(`${red('failed with a…')}  b1-0`);
  });

  test('aligns a column of styled numbers to the right', () => {
    expect(linesOf(table([{ tasks: red('7') }, { tasks: '12' }], { width: 80 })).slice(2)).toEqual([
      `    ${red('7')}`,
      '   12',
    ]);
  });

  test('counts wide characters as two columns', () => {
    const [heading, , first, second] = linesOf(
      table(
        [
          { goal: '要約する', ok: 'y' },
          { goal: '✅ done', ok: 'y' },
        ],
        { width: 80 },
      ),
    );
    expect(heading).toBe('goal      ok');
    expect(first).toBe('要約する  y');
    expect(second).toBe('✅ done   y');
    expect(linesOf(table([{ goal: '要約する要約' }], { width: 6 }))[2]).toBe('要約…');
  });

  test('takes line breaks and foreign control sequences out of cells', () => {
    const cell = `one\ntwo\t\u001b[2J\u001b]0;title\u0007three\u0008`;
    expect(linesOf(table([{ goal: cell }], { width: 80 }))[2]).toBe('one two three');
  });

  test('leaves a cell empty where a row has no such column', () => {
    expect(linesOf(table([{ a: '1' }, { b: 'x' }], { width: 80 }))).toEqual(['a  b', '─  ─', '1', '   x']);
  });

  test('is empty without rows', () => {
    expect(table([], { width: 80 })).toBe('');
  });
});

test('textWidth counts what is seen', () => {
  expect(textWidth(red('abc'))).toBe(3);
  expect(textWidth('👩‍💻é')).toBe(3);
});
