import { globSync } from 'node:fs';
import { root, textOf } from './pages.ts';

/** A title of a test that shows a behaviour of `delegate_task`: `title` is without the marks, `full` with them. */
export type MarkedTitle = { file: string; number: string; title: string; full: string };

const MARKED = /(['"`])((?:\\.|(?!\1)[^\\\n])*?)((?: \[B\d+\])+)\1/g;

/** Every title in `test/` that ends with marks such as `[B7]`, once for each mark. */
export function markedTitles(): MarkedTitle[] {
  return globSync('test/**/*.test.ts', { cwd: root }).flatMap((file) =>
    [...textOf(file).matchAll(MARKED)].flatMap(([, , text = '', marks = '']) => {
      const title = text.replaceAll("\\'", "'");
      const numbers = [...marks.matchAll(/B\d+/g)].map(([number]) => number);
      return numbers.map((number) => ({ file, number, title, full: title + marks }));
    }),
  );
}
