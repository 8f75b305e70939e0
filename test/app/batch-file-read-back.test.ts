import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Queue } from 'bullmq';
import fc from 'fast-check';
import { expect, onTestFinished, test } from 'vitest';
import { parse as parseYaml, stringify } from 'yaml';
import { readBatchFile } from '../../src/app/batch-file/read-batch-file.ts';
import { taskIdOf } from '../../src/base/ids.ts';
import { Redactor } from '../../src/base/secret.ts';
import type { BatchInput } from '../../src/contract/batch.ts';
import { DEFAULT_LIMITS } from '../../src/contract/limits.ts';
import { ErrandError } from '../../src/errors.ts';
import { BatchRecords } from '../../src/records/batch-records.ts';
import { openRedis, redisUrl } from '../helpers/redis.ts';
import { openProducer, optionsOf } from '../producer/open-producer.ts';
import { aFolder } from './run-cli.ts';

type Form = 'json' | 'jsonl' | 'yaml';
type Doc = { name: string; context: string; metadata: object; tasks: object[] };

/** What an accepted file must hold: every mutation of the generator is either harmless or must be refused. */
type Written = { form: Form; doc: Doc; bytes: Buffer; mustBe: 'accepted' | 'refused' | 'either' };

const text = fc.oneof(
  fc.string({ minLength: 1, unit: 'binary' }),
  fc.string({
    minLength: 1,
    unit: fc.constantFrom(
      'a',
      '\n',
      '\r',
      '\t',
      ' ',
      '#',
      ':',
      '"',
      "'",
      '\\',
      '\u2028',
      '\u0085',
      '\u0000',
      'é',
      '😀',
    ),
  }),
  fc.constantFrom(
    'yes',
    'null',
    '~',
    '012',
    '0x1F',
    '1e3',
    '-',
    '- a',
    '<<',
    '*a',
    '&a',
    '!t',
    '%',
    '{',
    '---',
    '2024-01-01',
    ' # x',
  ),
);
const goal = text.map((some) => `${some}.`);
const number = fc.oneof(
  fc.integer(),
  fc.maxSafeInteger(),
  fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e15, max: 1e15 }).map((some) => some + 0),
  fc.constantFrom(0.1, 1e-7, 5e-324, 2 ** 53 - 1, -0.5),
);
const { value } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.oneof(text, number, fc.boolean(), fc.constant(null)),
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(fieldName(), tie('value'), { maxKeys: 3, noNullPrototype: true }),
  ),
}));
const metadata = fc.dictionary(fieldName(), value, { maxKeys: 4, noNullPrototype: true });
const doc: fc.Arbitrary<Doc> = fc.record({
  name: fc.string({ minLength: 1, maxLength: 20, unit: 'grapheme' }).map((some) => `n${some}`),
  context: text,
  metadata,
  tasks: fc.array(fc.record({ goal, context: text, metadata }), { minLength: 1, maxLength: 3 }),
});

/**
 * Names of fields. Left out are `<<`, which writers of YAML leave without quotes, and names that end in a backslash: the
 * `JSON.parse` of Node 24.21 takes `{"a":0,"\\u0062":1}` for `{"a":0,"\\\\":1}` once it has seen an object with those two names.
 */
function fieldName(): fc.Arbitrary<string> {
  return text.filter((name) => name !== '__proto__' && name !== '<<' && !name.endsWith('\\'));
}

/** The text of a document, in a form and a layout. */
function textOf({ tasks, ...options }: Doc, form: Form, indent: number): string {
  if (form === 'json') return JSON.stringify({ ...options, tasks }, null, indent);
  if (form === 'yaml')
    return stringify({ ...options, tasks }, { lineWidth: indent * 20, aliasDuplicateObjects: false });
  return [{ batch: options }, ...tasks].map((line) => JSON.stringify(line)).join('\n');
}

const ENCODINGS = {
  utf8: (all: string) => Buffer.from(all),
  'utf8 with mark': (all: string) => Buffer.from(`\ufeff${all}`),
  utf16le: (all: string) => Buffer.from(`\ufeff${all}`, 'utf16le'),
  utf16be: (all: string) => Buffer.from(`\ufeff${all}`, 'utf16le').swap16(),
  'utf16le without mark': (all: string) => Buffer.from(all, 'utf16le'),
  'utf16be without mark': (all: string) => Buffer.from(all, 'utf16le').swap16(),
  'utf32 with mark': (all: string) => utf32(`\ufeff${all}`),
  'utf32 without mark': utf32,
  latin1: (all: string) => Buffer.from(`${all} `.replace(/\s$/, '\u00e9'), 'latin1'),
};
function utf32(all: string): Buffer {
  return Buffer.from(Uint32Array.from(all, (character) => character.codePointAt(0) ?? 0).buffer);
}

const GOOD: ReadonlySet<string> = new Set(['utf8', 'utf8 with mark', 'utf16le', 'utf16be']);

/** What must be refused in the place of `"poison":0`, the metadata of the first task. JSON in a flow map is YAML too. */
const POISONS: Record<string, string> = {
  'a field given twice': '"poison":0,"poison":1',
  'a 64-bit integer': '"poison":9007199254740993',
  'a number out of range': '"poison":-1e400',
  'more digits than fit': '"poison":0.12345678901234567890123',
  'half a character': '"poison":"\\udfff"',
  'the key __proto__': '"__proto__":0',
};

function poisoned(clean: string, form: Form, poison: string): string {
  const [mark, instead] =
    form === 'yaml' ? ['metadata:\n      poison: 0', `metadata: {${poison}}`] : ['"poison":0', poison];
  const bad = clean.replace(mark, () => instead);
  expect(bad).not.toBe(clean);
  return bad;
}

const written: fc.Arbitrary<Written> = fc
  .record({
    doc,
    form: fc.constantFrom<Form>('json', 'jsonl', 'yaml'),
    indent: fc.constantFrom(0, 2, 4),
    ending: fc.constantFrom('\n', '\r\n', '\r'),
    encoding: fc.constantFrom(...(Object.keys(ENCODINGS) as (keyof typeof ENCODINGS)[])),
    poison: fc.oneof({ weight: 2, arbitrary: fc.constant('none') }, fc.constantFrom(...Object.keys(POISONS))),
    damage: fc.option(fc.record({ at: fc.double({ min: 0, max: 1, noNaN: true }), byte: fc.option(fc.nat(255)) }), {
      freq: 3,
    }),
  })
  .map(({ doc: plain, form, indent, ending, encoding, poison, damage }) => {
    const isPoisoned = poison !== 'none';
    const [first, ...others] = plain.tasks;
    const withMark = { ...plain, tasks: [{ ...first, metadata: { poison: 0 } }, ...others] };
    const source = isPoisoned ? withMark : plain;
    const clean = textOf(source, form, isPoisoned ? 0 : indent);
    const all = isPoisoned ? poisoned(clean, form, POISONS[poison] ?? '') : clean;
    const whole = ENCODINGS[encoding](all.replaceAll('\n', ending));
    const bytes = damage ? damaged(whole, damage) : whole;
    const isGood = GOOD.has(encoding) && !isPoisoned;
    const mustBe = bytes === whole ? (isGood ? 'accepted' : 'refused') : 'either';
    return { form, doc: source, bytes, mustBe };
  });

/** Cuts the file, or replaces a byte of it. */
function damaged(bytes: Buffer, { at, byte }: { at: number; byte: number | null }): Buffer {
  const place = Math.floor(at * bytes.length);
  if (byte === null) return Buffer.from(bytes.subarray(0, place));
  const changed = Buffer.from(bytes);
  changed[place] = byte;
  return changed;
}

/** Reads a damaged file with other means, strictly as to bytes, to compare with what was enqueued. */
function independentReading(bytes: Buffer, form: Form): object {
  const isBigEndian = bytes[0] === 0xfe;
  const decoder = new TextDecoder(isBigEndian ? 'utf-16be' : bytes[0] === 0xff ? 'utf-16le' : 'utf-8', { fatal: true });
  const all = decoder.decode(bytes);
  if (form === 'json') return JSON.parse(all);
  if (form === 'yaml') return parseYaml(all.replace(/\r\n?/g, '\n'));
  const [first, ...others] = all
    .split(/[\r\n]+/)
    .filter((line) => line.trim() !== '')
    .map((line) => JSON.parse(line));
  return first.batch ? { ...first.batch, tasks: others } : { tasks: [first, ...others] };
}

test('a batch file is refused with line or path, or what Redis holds equals it', { timeout: 300_000 }, async () => {
  const options = optionsOf();
  const producer = openProducer(options);
  const lane = new Queue('tasks-openai', {
    connection: { url: redisUrl() },
    prefix: options.prefix,
    skipMetasUpdate: true,
  });
  onTestFinished(() => lane.close());
  const batches = new BatchRecords(openRedis(), options.prefix, new Redactor(), 1_000);
  const folder = aFolder();
  const seen = { accepted: 0, refused: 0 };

  const enqueued = async (file: string): Promise<Doc & { asked: BatchInput }> => {
    const asked = await readBatchFile(file, DEFAULT_LIMITS);
    const { batch_id: batchId, total } = await producer.enqueue(asked);
    const { name, metadata: ofBatch = {} } = await producer.status(batchId);
    const context = (await batches.read(batchId))?.context ?? '';
    const ids = Array.from({ length: total }, (_, index) => taskIdOf(batchId, index));
    const jobs = await Promise.all(ids.map((id) => lane.getJob(id)));
    return { asked, name, context, metadata: ofBatch, tasks: jobs.map((job) => job?.data.task) };
  };

  await fc.assert(
    fc.asyncProperty(written, async ({ form, doc: plain, bytes, mustBe }) => {
      const file = join(folder, `batch.${form}`);
      writeFileSync(file, bytes);
      const found = await enqueued(file).catch((error: unknown) => error);
      if (found instanceof Error) {
        seen.refused++;
        if (mustBe === 'accepted' || !(found instanceof ErrandError)) throw found;
        expect(found).toMatchObject({ code: 'BATCH_INVALID' });
        const hasPath = found.problems.length > 0 && found.problems.every(({ path }) => path !== '');
        if (!hasPath)
          expect(found.message).toMatch(/line \d+|got an empty file|is UTF-(16|32)|expected a batch object/);
        return;
      }
      seen.accepted++;
      expect(mustBe).not.toBe('refused');
      const { asked: _, ...held } = found as Doc & { asked: BatchInput };
      // A writer of YAML may itself change blank lines of a text, so the file is what counts.
      if (mustBe === 'accepted' && form !== 'yaml') expect(held).toEqual(plain);
      else expect(held).toMatchObject(JSON.parse(JSON.stringify(independentReading(bytes, form)))); // -0 is 0
    }),
    { numRuns: 600 },
  );
  expect(seen.accepted).toBeGreaterThan(30);
  expect(seen.refused).toBeGreaterThan(100);
});
