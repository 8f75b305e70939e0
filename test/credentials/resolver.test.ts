import { mkdtemp, open, rename, rm, symlink, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Redactor } from '../../src/base/secret.ts';
import { CredentialResolver } from '../../src/credentials/resolver.ts';
import { secretsIn } from '../../src/credentials/secrets.ts';

// The real function, with a count of its calls.
vi.mock('node:fs/promises', { spy: true });

let dir: string;
let file: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'errand-credentials-'));
  file = join(dir, 'key');
});
afterEach(() => rm(dir, { recursive: true }));

test('has every value masked before it is handed out', async () => {
  const redactor = new Redactor();
  const resolver = new CredentialResolver(secretsIn({ ACME_API_KEY: 'sk-planted-1234' }), redactor);
  expect(redactor.scrub('key sk-planted-1234')).toContain('sk-planted');
  await resolver.resolve('acme', 'env:ACME_API_KEY');
  expect(redactor.scrub('key sk-planted-1234')).toBe('key [secret]');
});

test('names the provider and the remedy if there is no credential [B73]', async () => {
  const resolver = new CredentialResolver(secretsIn({}), new Redactor());
  await expect(resolver.resolve('acme', 'env:ACME_API_KEY')).rejects.toMatchObject({
    code: 'CREDENTIAL_MISSING',
    message: 'Provider "acme" has no credential: ACME_API_KEY is not set.',
    remedy: 'Set ACME_API_KEY or ACME_API_KEY_FILE on every worker.',
  });
});

test('shares one reading among calls at the same time, and reads again later', async () => {
  await writeFile(file, 'sk-old');
  const resolver = new CredentialResolver(secretsIn({}), new Redactor());
  const [one, two] = await Promise.all([resolver.resolve('a', `file:${file}`), resolver.resolve('b', `file:${file}`)]);
  expect(one).toBe(two);
  await writeFile(file, 'sk-new');
  expect((await resolver.resolve('a', `file:${file}`)).secret.reveal()).toBe('sk-new');
});

test('tries again after a failure', async () => {
  const resolver = new CredentialResolver(secretsIn({}), new Redactor(), 0);
  await expect(resolver.resolve('acme', `file:${file}`)).rejects.toMatchObject({ code: 'CREDENTIAL_MISSING' });
  await writeFile(file, 'sk-late');
  expect((await resolver.resolve('acme', `file:${file}`)).secret.reveal()).toBe('sk-late');
});

const GAPS: [string, () => Promise<void>, () => Promise<void>][] = [
  ['missing', async () => unlink(file), async () => writeFile(file, 'sk-new')],
  ['empty', async () => writeFile(file, ''), async () => writeFile(file, 'sk-new')],
  ['blank', async () => writeFile(file, ' \n'), async () => writeFile(file, 'sk-new')],
  ['cut in the middle of two lines', async () => writeFile(file, 'sk\nnew'), async () => writeFile(file, 'sk-new')],
  [
    'renamed',
    async () => rename(file, `${file}.old`),
    async () => {
      await writeFile(`${file}.new`, 'sk-new');
      await rename(`${file}.new`, file);
    },
  ],
  [
    'a link that leads nowhere',
    async () => {
      await unlink(file);
      await symlink(join(dir, 'nowhere'), file);
    },
    async () => writeFile(join(dir, 'nowhere'), 'sk-new'),
  ],
];

test.each(GAPS)('a key file that is %s for a moment is waited for', async (_, begin, end) => {
  await writeFile(file, 'sk-old');
  const resolver = new CredentialResolver(secretsIn({ ACME_API_KEY_FILE: file }), new Redactor());
  expect((await resolver.resolve('acme', 'env:ACME_API_KEY')).secret.reveal()).toBe('sk-old');
  await begin();
  const waiting = Promise.all([
    resolver.resolve('acme', 'env:ACME_API_KEY'),
    new CredentialResolver(secretsIn({}), new Redactor()).resolve('acme', `file:${file}`),
  ]);
  await expect(resolver.look('acme', 'env:ACME_API_KEY')).rejects.toMatchObject({ code: 'CREDENTIAL_MISSING' });
  await end();
  expect((await waiting).map(({ secret }) => secret.reveal())).toEqual(['sk-new', 'sk-new']);
});

test('a file that stays missing fails after the wait, and at once for later tasks', async () => {
  const resolver = new CredentialResolver(secretsIn({}), new Redactor(), 300);
  const startedMs = performance.now();
  const thousand = Array.from({ length: 1_000 }, () => resolver.resolve('acme', `file:${file}`));
  const ends = await Promise.allSettled(thousand);
  expect(performance.now() - startedMs).toBeGreaterThanOrEqual(300);
  expect(new Set(ends.map(({ status }) => status))).toEqual(new Set(['rejected']));
  vi.mocked(open).mockClear();
  const again = resolver.resolve('acme', `file:${file}`);
  await expect(again).rejects.toMatchObject({
    code: 'CREDENTIAL_MISSING',
    message: expect.stringContaining('"acme" has no credential'),
  });
  expect(vi.mocked(open)).toHaveBeenCalledTimes(1);
});

test('a variable that is not set cannot change, so it fails at once', async () => {
  const resolver = new CredentialResolver(secretsIn({}), new Redactor(), 3_600_000);
  await expect(resolver.resolve('acme', 'env:ACME_API_KEY')).rejects.toMatchObject({ code: 'CREDENTIAL_MISSING' });
});

test('a thousand tasks that wait for one file share one series of readings', async () => {
  vi.mocked(open).mockClear();
  const resolver = new CredentialResolver(secretsIn({}), new Redactor());
  const thousand = Array.from({ length: 1_000 }, () => resolver.resolve('acme', `file:${file}`));
  await expect.poll(() => vi.mocked(open).mock.calls.length).toBeGreaterThan(3);
  await writeFile(file, 'sk-late');
  const found = await Promise.all(thousand);
  expect(new Set(found).size).toBe(1);
  expect(vi.mocked(open).mock.calls.length).toBeLessThan(100);
});

test('a wait ends with the reason of the signal', async () => {
  const resolver = new CredentialResolver(secretsIn({}), new Redactor());
  const leaving = new AbortController();
  const waiting = resolver.resolve('acme', `file:${file}`, leaving.signal);
  leaving.abort(new Error('cancelled'));
  await expect(waiting).rejects.toThrow('cancelled');
  await writeFile(file, 'sk-late');
});

test('a refused key is replaced by the next value of its file, or fails after the wait', async () => {
  await writeFile(file, 'sk-half');
  const resolver = new CredentialResolver(secretsIn({}), new Redactor(), 300);
  const refused = await resolver.resolve('acme', `file:${file}`);
  expect(await resolver.replacementOf(refused)).toBeNull();
  await writeFile(file, 'sk-half-and-half');
  const found = await resolver.replacementOf(refused);
  expect(found?.secret.reveal()).toBe('sk-half-and-half');
});

test('a refused key of a file that is being replaced is waited for', async () => {
  await writeFile(file, 'sk-half');
  const resolver = new CredentialResolver(secretsIn({}), new Redactor());
  const refused = await resolver.resolve('acme', `file:${file}`);
  const replaced = resolver.replacementOf(refused);
  await unlink(file);
  await writeFile(file, 'sk-half-and-half');
  expect((await replaced)?.secret.reveal()).toBe('sk-half-and-half');
});

test('a refused key of a variable has no replacement', async () => {
  const resolver = new CredentialResolver(secretsIn({ ACME_API_KEY: 'sk-old' }), new Redactor(), 3_600_000);
  expect(await resolver.replacementOf(await resolver.resolve('acme', 'env:ACME_API_KEY'))).toBeNull();
});
