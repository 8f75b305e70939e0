import { expect, test } from 'vitest';
import { columnsOf, drawableOf } from '../../../src/app/screen/screen.ts';

test.each([
  ['a terminal is laid out for its columns, and redrawn', { isTTY: true, columns: 80 }, 80, true],
  [
    'a terminal that tells of no columns is laid out like a file, and not redrawn',
    { isTTY: true, columns: 0 },
    120,
    false,
  ],
  ['a file is not redrawn', { isTTY: false, columns: 0 }, 120, false],
])('%s', (_title, stream, columns, isDrawable) => {
  expect([columnsOf(stream), drawableOf(stream) !== null]).toEqual([columns, isDrawable]);
});
