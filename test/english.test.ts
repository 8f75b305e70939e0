import { describe, expect, test } from 'vitest';
import { namesOfTypeScript, proseOfMarkdown, proseOfTypeScript } from '../scripts/prose.ts';
import { NAMINGS, violationsIn, WORDINGS } from '../scripts/wordings.ts';

/** Texts that break a rule, and texts close to them that keep it. */
type Samples = { bad: readonly string[]; good: readonly string[] };

const SAMPLES: Record<string, Samples> = {
  'where as a condition': {
    bad: [
      'Where there is no key, it waits.',
      'it waits, where the key is unknown',
      'It waits. Where a key is set, it runs.',
    ],
    good: ['Say where the key is stored.', 'the folder where a file is written', 'Wherever it is, it waits.'],
  },
  'is none': {
    bad: ['an end that is none', 'there are none', 'there was none'],
    good: ['there is no end', 'none is left'],
  },
  'by now': {
    bad: ['it is gone by now', 'by then it is gone'],
    good: ['it is gone now', 'sorted by name, then by age'],
  },
  whoever: { bad: ['Whoever asks gets an answer.'], good: ['Each caller gets an answer.'] },
  nobody: { bad: ['Nobody waits.', 'a task of nobody'], good: ['No one waits.'] },
  'tell of': { bad: ['the log tells of it', 'it was told of'], good: ['the log tells it', 'the tail of a log'] },
  heed: { bad: ['the worker heeds it', 'it was heeded'], good: ['the worker needs it'] },
  'give back': {
    bad: ['it gives back a lease', 'was given back', 'gave back'],
    good: ['given a backend', 'a giveback'],
  },
  'sign of life': { bad: ['no sign of life', 'signs of life'], good: ['a sign of a lifetime'] },
  'for ever': { bad: ['it waits for ever'], good: ['it waits forever', 'for every task'] },
  'on record': { bad: ['is on record no more'], good: ['based on records'] },
  'in vain': { bad: ['a call in vain'], good: ['a vain call'] },
  'come about': { bad: ['how it comes about', 'came about'], good: ['a message comes, about a task'] },
  'stand in': { bad: ['what stands in the file', 'stood in for it'], good: ['it stands instead', 'standard in CI'] },
  foresee: { bad: ['unforeseen: x', 'that nothing foresaw'], good: ['unexpected error: x', 'the foreseeable future'] },
  'as it comes': { bad: ['is passed on as it comes', 'in order, as they come'], good: ['it comes as is'] },
  'without a word': { bad: ['ends without a word'], good: ['a line without a wording'] },
  DESIGN: { bad: ['as DESIGN §2 says'], good: ['by design', 'DESIGNED'] },
  'a numbered promise': { bad: ['keeps promise 3', 'promises 3 and 4'], good: ['a promise of 3 values'] },
  'a reference': {
    bad: ['see reference/field.md'],
    good: ['see the reference', 'see docs/reference/errors.md', '../reference/errors.md'],
  },
  'a numbered advice': { bad: ['advice 9 says so'], good: ['advice on 9 tasks'] },
  'a numbered behaviour': { bad: ['as B54 says', 'B1, B2'], good: ['1 MB54', 'B1234', 'b54'] },
};

const NAMES: Record<string, Samples> = {
  'a superlative': {
    bad: ['MOST_BYTES', 'LEAST_ROWS', 'LONGEST_NAME', 'OLDEST_JOB'],
    good: ['MAX_BYTES', 'ALMOST_ALL', 'most'],
  },
};

function wordsIn(file: string, text: string): string[] {
  return violationsIn(file, text).map(({ words }) => words);
}

test('every wording has samples', () => {
  expect(Object.keys(SAMPLES)).toEqual(Object.keys(WORDINGS));
  expect(Object.keys(NAMES)).toEqual(Object.keys(NAMINGS));
});

describe.each(Object.entries(SAMPLES))('%s', (name, { bad, good }) => {
  const { instead } = WORDINGS[name] ?? expect.fail(`no wording ${name}`);

  test.each(bad)('is found in a comment, a string, a template and a page: %s', (text) => {
    const sources = [`/** ${text} */`, `// ${text}`, `const a = '${text}';`, `const a = \`\${b} ${text}. ${text}\`;`];
    for (const source of sources) {
      const found = violationsIn('src/a.ts', source);
      expect([source, found.some((violation) => violation.instead === instead && violation.line === 1)]).toEqual([
        source,
        true,
      ]);
    }
    expect(violationsIn('docs/a.md', `# A page\n\n${text}\n`)).toContainEqual(
      expect.objectContaining({ line: 3, instead }),
    );
  });

  test.each(good)('is not found in: %s', (text) => {
    expect(wordsIn('src/a.ts', `/** ${text} */\nconst a = '${text}';`)).toEqual([]);
    expect(wordsIn('docs/a.md', text)).toEqual([]);
  });
});

describe.each(Object.entries(NAMES))('%s', (_name, { bad, good }) => {
  test.each(bad)('is found in a name: %s', (name) => {
    expect(violationsIn('src/a.ts', `\n\nconst ${name} = 1;`)).toEqual([expect.objectContaining({ line: 3 })]);
    expect(wordsIn('src/a.ts', `const a = '${name}';`)).toEqual([]);
  });

  test.each(good)('is not found in a name: %s', (name) => {
    expect(wordsIn('src/a.ts', `const ${name} = 1;`)).toEqual([]);
  });
});

test('the numbers of behaviours are free in the page that defines them', () => {
  expect(wordsIn('docs/reference/delegate-task.md', 'B54 says: for ever')).toEqual(['for ever']);
});

describe('in a source', () => {
  test('names and regular expressions are no prose', () => {
    const source =
      "import { nobody } from './nobody.ts';\nconst a = /nobody '/.test(nobody) ? b / c : nobody / 'd'.length;";
    expect(wordsIn('src/a.ts', source)).toEqual(['nobody']);
    expect(wordsIn('src/a.ts', 'const a = nobody / 2; // for ever\n/* x / nobody')).toEqual(['for ever', 'nobody']);
  });

  test('a string in a substitution of a template is prose, and the name beside it is not', () => {
    const source = "const a = `${nobody({ a: {} }, `${nobody}`, 'for ever')} in vain`;";
    expect(wordsIn('src/a.ts', source)).toEqual(['for ever', 'in vain']);
  });

  test('a wording is found over the lines of a comment, at the line that it begins on', () => {
    expect(violationsIn('src/a.ts', '/**\n * It waits for\n * ever.\n */')).toMatchObject([
      { line: 2, words: 'for ever' },
    ]);
    expect(violationsIn('src/a.ts', 'a;\n// It waits for\n// ever.')).toMatchObject([{ line: 2, words: 'for ever' }]);
  });

  test('two texts are not one', () => {
    expect(wordsIn('src/a.ts', "const a = ['for', 'ever'];\na; // for\nb; // ever")).toEqual([]);
  });

  test('code between backticks of a comment is no prose', () => {
    expect(wordsIn('src/a.ts', '// Calls `nobody` for ever.')).toEqual(['for ever']);
  });

  test('a text keeps its place', () => {
    const source = "const a = 'b';\n// c";
    expect(proseOfTypeScript(source)).toHaveLength(source.length);
    expect(proseOfTypeScript(source).indexOf('b')).toBe(source.indexOf('b'));
    expect(namesOfTypeScript(source).replace(/\uFFFC/g, '')).toBe('a');
  });
});

describe('in a page', () => {
  test('code, comments and targets of links are no prose', () => {
    const page = '```ts\nnobody();\n```\n\n`nobody` and [a](nobody.md)\n\n<!-- nobody -->\n';
    expect(wordsIn('docs/a.md', page)).toEqual([]);
    expect(proseOfMarkdown(page)).toHaveLength(page.length);
  });

  test('a wording is found over the lines of a paragraph, and not over two', () => {
    expect(violationsIn('docs/a.md', '# A\n\nIt waits for\never.\n')).toMatchObject([{ line: 3, words: 'for ever' }]);
    expect(wordsIn('docs/a.md', 'It waits for\n\never.\n\n- for\n- ever\n\n| for | ever |\n')).toEqual([]);
  });

  test('an item, a heading and a cell begin a text', () => {
    expect(wordsIn('docs/a.md', '- Where the key is\n')).toEqual(['Where the']);
    expect(wordsIn('docs/a.md', '## Where the key is\n')).toEqual(['Where the']);
    expect(wordsIn('docs/a.md', '| key | where the key is |\n')).toEqual(['where the']);
    expect(wordsIn('docs/a.md', 'the folder\nwhere the key is\n')).toEqual([]);
  });
});
