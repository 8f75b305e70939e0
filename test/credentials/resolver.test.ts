import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Redactor } from '../../src/base/secret.ts';
import { CredentialResolver } from '../../src/credentials/resolver.ts';

let dir: string;
let file: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'errand-credentials-'));
  file = join(dir, 'key');
});
afterEach(() => rm(dir, { recursive: true }));

test('has every value masked before it is handed out', async () => {
  const redactor = new Redactor();
  const resolver = new CredentialResolver({ ACME_API_KEY: 'sk-planted-1234' }, redactor);
  expect(redactor.scrub('key sk-planted-1234')).toContain('sk-planted');
  await resolver.resolve('acme', 'env:ACME_API_KEY');
  expect(redactor.scrub('key sk-planted-1234')).toBe('key [secret]');
});

test('names the provider and the remedy where there is no credential', async () => {
  const resolver = new CredentialResolver({}, new Redactor());
  await expect(resolver.resolve('acme', 'env:ACME_API_KEY')).rejects.toMatchObject({
    code: 'CREDENTIAL_MISSING',
    message: 'Provider "acme" has no credential: ACME_API_KEY is not set.',
    remedy: 'Set ACME_API_KEY or ACME_API_KEY_FILE on every worker.',
  });
});

test('shares one reading among calls at the same time, and reads again later', async () => {
  await writeFile(file, 'sk-old');
  const resolver = new CredentialResolver({}, new Redactor());
  const [one, two] = await Promise.all([resolver.resolve('a', `file:${file}`), resolver.resolve('b', `file:${file}`)]);
  expect(one).toBe(two);
  await writeFile(file, 'sk-new');
  expect((await resolver.resolve('a', `file:${file}`)).secret.reveal()).toBe('sk-new');
});

test('tries again after a failure', async () => {
  const resolver = new CredentialResolver({}, new Redactor());
  await expect(resolver.resolve('acme', `file:${file}`)).rejects.toMatchObject({ code: 'CREDENTIAL_MISSING' });
  await writeFile(file, 'sk-late');
  expect((await resolver.resolve('acme', `file:${file}`)).secret.reveal()).toBe('sk-late');
});
