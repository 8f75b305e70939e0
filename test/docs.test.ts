import { existsSync, globSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { describe, expect, test } from 'vitest';
import { GENERATED_PAGES, withGenerated } from '../scripts/generated-docs.ts';
import { loadConfig } from '../src/app/config.ts';
import { BASE_KINDS } from '../src/app/resource-kinds.ts';
import { CleanupActor, Evidence } from '../src/contract/cleanup.ts';
import { jsonSchemas } from '../src/contract/json-schema.ts';
import { AttemptEnd } from '../src/contract/outcome.ts';
import { EffortTreatment, RouteRule } from '../src/contract/route.ts';
import { Directive } from '../src/entries/simulator.ts';
import { FAILURES, isErrandError } from '../src/errors.ts';
import { Producer } from '../src/producer/producer.ts';
import { workspaceKind } from '../src/tools/workspace/kind.ts';
import { anchorsOf, codeBlocks, codesIn, linksOf, prose, tableRows } from './helpers/markdown.ts';
import { markedTitles } from './helpers/marks.ts';
import { page, pages, root, textOf } from './helpers/pages.ts';

const ideas = Object.keys(pages).filter((file) => /^docs\/(start|how-to|reference|explanations)\//.test(file));
const internals = Object.keys(pages).filter((file) => file.startsWith('docs/internals/'));
const decisions = Object.keys(pages).filter((file) => file.startsWith('docs/decisions/2'));

/** Every value under its dotted path. An empty object or list is a value too. */
function flatten(value: object, path = ''): [string, unknown][] {
  return Object.entries(value).flatMap(([key, inner]) => {
    const at = path ? `${path}.${key}` : key;
    const isSection = typeof inner === 'object' && inner !== null && Object.keys(inner).length > 0;
    return isSection ? flatten(inner, at) : [[at, inner]];
  });
}

/** A known key refuses a wrong value in its own name; an unknown one is refused in the name of its section. */
function isKnown(key: string): boolean {
  const [section = '', field] = key.split('.');
  try {
    loadConfig({ ERRAND_CONFIG: '/dev/null' }, { [section]: field === undefined ? null : { [field]: null } });
    return false;
  } catch (error) {
    return isErrandError(error, 'CONFIG_INVALID') && error.problems.some(({ path }) => path === key);
  }
}

/** A page without the tables that are made from the code: they grow with it. */
function withoutGenerated(text: string): string {
  return text.replace(/<!-- generated: [\s\S]*?<!-- end -->\n/g, '');
}

function lineCount(text: string): number {
  return text.trimEnd().split('\n').length;
}

describe('the README', () => {
  test('fits on 100 lines and shows a program within the first thirty', () => {
    expect(lineCount(page('README.md'))).toBeLessThanOrEqual(100);
    expect(codeBlocks('README.md', page('README.md'))[0]).toMatchObject({ language: 'ts', mark: 'run' });
    expect(page('README.md').split('\n').indexOf('await producer.close();')).toBeLessThan(30);
  });

  test('has the two commands in blocks of their own', () => {
    const shell = codeBlocks('README.md', page('README.md')).filter(({ language }) => language === 'sh');
    const texts = shell.map(({ text }) => text.trim());
    expect(texts).toContain('npm ci && npm start');
    expect(texts).toContain('npm ci && npm test');
  });

  test('links every bold term to a page, and the index of the pages', () => {
    const bold = [...prose(page('README.md')).matchAll(/\*\*(.+?)\*\*/g)].map(([, term = '']) => term);
    expect(bold.filter((term) => !/^\[.+\]\(docs\/.+\)$/.test(term))).toEqual([]);
    expect(linksOf(page('README.md'))).toContain('docs/README.md');
  });
});

describe('the pages', () => {
  test.for(Object.entries(pages))('%s links to what is there', ([file, text]) => {
    const local = linksOf(text).filter((target) => !/^https?:/.test(target));
    const broken = local.filter((target) => {
      const [path = '', anchor] = target.split('#');
      const found = path === '' ? file : relative(root, join(root, dirname(file), path));
      if (!existsSync(join(root, found))) return true;
      return anchor !== undefined && !anchorsOf(textOf(found)).has(anchor);
    });
    expect(broken).toEqual([]);
  });

  test('are each listed once in the index, with what the reader finds there', () => {
    const entries = page('docs/README.md').matchAll(/^- \[(.+)\]\((\S+)\): (.+)\.$/gm);
    const listed = [...entries].map(([, , target = '']) => join('docs', target));
    expect(listed.toSorted()).toEqual([...ideas, ...internals, 'docs/decisions/README.md'].toSorted());
    expect(linksOf(page('docs/README.md'))).toHaveLength(listed.length);
    const decided = linksOf(page('docs/decisions/README.md')).map((target) => join('docs/decisions', target));
    expect(decisions.filter((file) => !decided.includes(file))).toEqual([]);
  });

  test('name a decision with the status that its own page has', () => {
    const rows = tableRows(page('docs/decisions/README.md'), 'decision');
    const indexed = rows.map(([link = '', date, status]) => {
      const [, title, file] = /^\[(.+)\]\((\S+)\)$/.exec(link) ?? [];
      return { file: `docs/decisions/${file}`, title, date, status };
    });
    const own = decisions.map((file) => {
      const [, title, status] = /^# (.+)\n\nStatus: (.+)\.\n/.exec(page(file)) ?? [];
      return { file, title, date: /2026-\d\d-\d\d/.exec(file)?.[0], status };
    });
    const byFile = (one: { file: string }, other: { file: string }) => one.file.localeCompare(other.file);
    expect(indexed.toSorted(byFile)).toEqual(own.toSorted(byFile));
    expect(own.filter(({ status = '' }) => !/^accepted(, amended by \[|$)|^replaced by \[/.test(status))).toEqual([]);
  });

  test.each([...ideas, ...internals])('%s begins with a heading and a plain sentence of at most 25 words', (file) => {
    const [, sentence = ''] = /^# .+\n\n([A-Z][\s\S]*?[.:])(?=\s)/.exec(page(file)) ?? [];
    expect(sentence.split(/\s+/).length, sentence).toSatisfy((words: number) => words > 3 && words <= 25);
  });

  test.each(ideas)('%s has an example that a test runs or checks', (file) => {
    const checked = codeBlocks(file, page(file)).filter(({ language }) =>
      ['ts', 'json', 'yaml', 'sh'].includes(language),
    );
    expect(checked.length).toBeGreaterThan(0);
  });

  test('are long enough to say something and short enough to be read', () => {
    const lengths = (files: string[]) => files.map((file) => [file, lineCount(page(file))] as const);
    expect(lengths([...ideas, ...internals]).filter(([, lines]) => lines < 40)).toEqual([]);
    const written = [...ideas, ...internals].map((file) => [file, lineCount(withoutGenerated(page(file)))] as const);
    const tooLong = written.filter(([, lines]) => lines > 150).map(([file]) => file);
    expect(tooLong).toEqual(['docs/reference/delegate-task.md']);
    expect(lengths(decisions).filter(([, lines]) => lines < 15 || lines > 40)).toEqual([]);
    expect(lineCount(page('CONTRIBUTING.md'))).toBeLessThanOrEqual(110);
  });

  test('say "child", unless they quote the names of Hermes', () => {
    const saying = Object.keys(pages).filter((file) => /sub-?agent/i.test(page(file)));
    expect(saying).toEqual(['docs/reference/delegate-task.md']);
  });

  test.each([/reasoningEffort/, /\bapiKey:/, /\bapi_key["']?:/, /\bTODO\b/, /\b(seamless|blazing|robust|powerful)/i])(
    'never say %s',
    (word) => {
      expect(Object.keys(pages).filter((file) => word.test(page(file)))).toEqual([]);
    },
  );

  test('say "exactly once" only where they explain it', () => {
    const saying = Object.keys(pages).filter((file) => /exactly[ -]once/i.test(page(file)));
    expect(saying).toEqual(['docs/explanations/guarantees.md']);
  });
});

describe('the tables agree with the code:', () => {
  test.each(GENERATED_PAGES)('the generated parts of %s; if not, run npm run docs:generate', (file) => {
    expect(page(file)).toBe(withGenerated(file, page(file)));
  });

  test('dispositions', () => {
    const known = Object.values(FAILURES).map(({ disposition }) => disposition);
    const documented = tableRows(page('docs/reference/failures.md'), 'disposition').map(([name]) => name);
    expect(documented.toSorted()).toEqual([...new Set(known)].toSorted());
  });

  const settings = tableRows(page('docs/reference/configuration.md'), 'key').filter((row) => row.length === 4);

  test('defaults of the configuration', () => {
    const { file: _, providers: __, worker, ...rest } = loadConfig({ ERRAND_CONFIG: '/dev/null' });
    const { name: ___, ...own } = worker;
    const workspace = relative(process.cwd(), own.workspace_root);
    const defaults = flatten({ ...rest, worker: { ...own, workspace_root: workspace } });
    const documented = settings.filter(([key, , value = '']) => key !== '`mcp`' && !['–', '`{}`'].includes(value));
    expect(documented.map(([key, , value]) => [codesIn(key ?? '')[0], codesIn(value ?? '')[0]]).toSorted()).toEqual(
      defaults
        .filter(
          ([key]) =>
            !['agent', 'delegation', 'model_aliases', 'tool_policy', 'redis_tls', 'redis_sentinel'].includes(key) &&
            !key.startsWith('mcp.'),
        )
        .map(([key, value]) => [key, Array.isArray(value) ? JSON.stringify(value) : String(value)])
        .toSorted(),
    );
  });

  test('keys of the configuration', () => {
    const keys = settings.map(([key = '']) => codesIn(key)[0] ?? '');
    expect(keys.filter((key) => !isKnown(key))).toEqual([]);
    expect(isKnown('worker.nonsense')).toBe(false);
  });

  test('calls of a producer, and the codes they throw', () => {
    const rows = tableRows(page('docs/reference/producer.md'), 'call');
    const calls = rows.map(([call = '']) => /^`(\w+)\(/.exec(call)?.[1]);
    const methods = Object.getOwnPropertyNames(Producer.prototype).filter((name) => name !== 'constructor');
    expect(calls.toSorted()).toEqual(['createProducer', ...methods].toSorted());
    expect(rows.flatMap(([, , codes = '']) => codesIn(codes)).filter((word) => !/^problems$/.test(word))).toSatisfy(
      (codes: string[]) => codes.every((code) => code in FAILURES),
    );
  });

  test('schemas of the contract', () => {
    const missing = Object.keys(jsonSchemas()).filter(
      (name) => !page('docs/reference/contract.md').includes(`\`${name}\``),
    );
    expect(missing).toEqual([]);
  });

  test('parameters of a directive', () => {
    const rows = tableRows(page('docs/reference/simulator.md'), 'parameter');
    const names = rows.flatMap(([parameter = '']) => codesIn(parameter));
    expect(names.toSorted()).toEqual(Object.keys(Directive.shape).toSorted());
  });

  test.each([
    ['docs/explanations/lifecycle.md', 'ended', AttemptEnd.options],
    ['docs/explanations/cleanup.md', '`kind`', [...BASE_KINDS, workspaceKind({ workspaceRoot: '/' }).kind]],
    ['docs/explanations/cleanup.md', '`evidence`', Evidence.options],
    ['docs/explanations/cleanup.md', '`actor`', CleanupActor.options],
  ])('words of %s under %s', (file, heading, words) => {
    expect(
      tableRows(page(file), heading)
        .map(([word = '']) => codesIn(word)[0])
        .sort(),
    ).toEqual([...words].sort());
  });

  test('rules and treatments of a route', () => {
    const rules = tableRows(page('docs/explanations/routing.md'), 'order').flatMap((row) => codesIn(row.at(-1) ?? ''));
    expect(rules).toEqual(RouteRule.options);
    const missing = EffortTreatment.options.filter(
      (treatment) => !page('docs/explanations/routing.md').includes(`\`${treatment}\``),
    );
    expect(missing).toEqual([]);
  });
});

test('no source cites what is not in this repository', () => {
  const cites = /DESIGN §|`reference\/|\badvice \d|\bB\d{1,3}\b/;
  expect(globSync('src/**/*.ts', { cwd: root }).filter((file) => cites.test(textOf(file)))).toEqual([]);
});

describe('the page on security', () => {
  const rows = tableRows(page('docs/explanations/security.md'), 'against');
  const shown = rows.map(([, , tests = '']) => [...tests.matchAll(/\[(.+?)\]\(\.\.\/\.\.\/(test\/\S+?\.test\.ts)\)/g)]);

  test('names a test for each sentence, by a title that its file has', () => {
    expect(shown.filter((links) => links.length === 0)).toEqual([]);
    const missing = shown.flat().filter(([, title = '', file = '']) => !hasTitle(textOf(file), title));
    expect(missing.map(([link]) => link)).toEqual([]);
  });

  test('has a sentence against everybody who is trusted with less than everything', () => {
    const against = new Set(rows.map(([who]) => who));
    expect([...against]).toEqual(
      expect.arrayContaining(['a writer of Redis', 'a provider', 'a model', 'a tenant', 'a web site']),
    );
  });

  test('names no digest and no address for reports', () => {
    const texts = [page('docs/explanations/security.md'), page('SECURITY.md')];
    expect(texts.filter((text) => /sha256:[0-9a-f]{8}|\b[\w.]+@\w+\.\w+/.test(text))).toEqual([]);
  });
});

/** Tells whether a test file has a test with this title; marks such as `[B7]` do not count. */
function hasTitle(text: string, title: string): boolean {
  return ["'", '"', '`'].some((quote) =>
    [...text.split(`${quote}${title}`).slice(1)].some((after) => /^( \[B\d+\])*['"`],/.test(after)),
  );
}

describe('the behaviours of delegate_task', () => {
  const behaviours = page('docs/reference/delegate-task.md');
  const rows = tableRows(behaviours, 'no.').map(([number = '', text = '', today = '', shownBy = '']) => {
    const shown = [...shownBy.matchAll(/\[(.+?)\]\(\.\.\/\.\.\/(\S+?)\)/g)].map(
      ([, title, file]) => `${file}: ${title}`,
    );
    return { number, text, status: /^`(holds(?=`$)|[^`]+(?=`: .))/.exec(today)?.[1], shown };
  });
  const marked = markedTitles();

  test('have 155 rows, each with a status that the page explains', () => {
    expect(rows.map(({ number }) => number)).toEqual(Array.from({ length: 155 }, (_, at) => `B${at + 1}`));
    const statuses = tableRows(behaviours, 'status').map(([status = '']) => codesIn(status)[0]);
    expect(statuses).toEqual(['holds', 'holds otherwise', 'in part', 'planned', 'refused']);
    expect(rows.filter(({ status, text }) => !statuses.includes(status) || text === '')).toEqual([]);
  });

  test('are shown by the tests with their number, and by no others', () => {
    const titles = Map.groupBy(marked, ({ number }) => number);
    const expected = rows.map(({ number }) => [
      number,
      (titles.get(number) ?? []).map(({ file, title }) => `${file}: ${title}`).sort(),
    ]);
    expect(rows.map(({ number, shown }) => [number, shown.toSorted()])).toEqual(expected);
    expect(marked.filter(({ number }) => rows.every((row) => row.number !== number))).toEqual([]);
  });

  test('have a test if they hold, and none if they are planned', () => {
    const needsTest = ['holds', 'holds otherwise', 'in part'];
    expect(rows.filter(({ status = '', shown }) => needsTest.includes(status) && shown.length === 0)).toEqual([]);
    expect(rows.filter(({ status, shown }) => status === 'planned' && shown.length > 0)).toEqual([]);
  });

  test('have titles of at most 80 characters', () => {
    expect(marked.filter(({ full }) => full.length > 80)).toEqual([]);
  });
});
