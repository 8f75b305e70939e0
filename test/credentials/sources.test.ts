import { appendFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { secretsIn } from '../../src/credentials/secrets.ts';
import { readCredential } from '../../src/credentials/sources.ts';

let dir: string;
let file: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'errand-credentials-'));
  file = join(dir, 'key');
});
afterEach(() => rm(dir, { recursive: true }));

async function readValue(source: string, environment: Record<string, string> = {}): Promise<string> {
  return (await readCredential(source, secretsIn(environment))).secret.reveal();
}

test('reads a variable and names itself after it', async () => {
  const credential = await readCredential('env:ACME_API_KEY', secretsIn({ ACME_API_KEY: 'sk-one' }));
  expect(credential.id).toBe('env:ACME_API_KEY');
  expect(credential.secret.reveal()).toBe('sk-one');
});

test('reads the file that NAME_FILE names, without its last newline; NAME comes first', async () => {
  await writeFile(file, 'sk-from-file\n');
  expect(await readValue('env:ACME_API_KEY', { ACME_API_KEY_FILE: file })).toBe('sk-from-file');
  expect(await readValue('env:ACME_API_KEY', { ACME_API_KEY_FILE: file, ACME_API_KEY: 'sk-one' })).toBe('sk-one');
  expect(await readValue('env:ACME_API_KEY', { ACME_API_KEY_FILE: file, ACME_API_KEY: '' })).toBe('sk-from-file');
});

test('reads a file anew at every call, because a mounted secret is swapped in place', async () => {
  await writeFile(file, 'sk-old');
  expect(await readValue(`file:${file}`)).toBe('sk-old');
  await writeFile(file, 'sk-new');
  expect(await readValue(`file:${file}`)).toBe('sk-new');
});

test('a file that is still being written is read once it rests', async () => {
  await writeFile(file, 'sk-ha');
  const reading = readValue(`file:${file}`);
  await appendFile(file, 'lf');
  expect(await reading).toBe('sk-half');
});

test('gives a keyless endpoint a placeholder [B72]', async () => {
  expect(await readCredential('none', secretsIn({}))).toMatchObject({ id: 'none' });
  expect(await readValue('none')).not.toBe('');
});

test('does not look beyond its own variable', async () => {
  const environment = { OPENAI_API_KEY: 'sk-other', ACME_API_KEY2: 'sk-other' };
  await expect(readCredential('env:ACME_API_KEY', secretsIn(environment))).rejects.toMatchObject({
    code: 'CREDENTIAL_MISSING',
  });
});

test.each([
  ['a variable that is not set', {}, 'ACME_API_KEY is not set.'],
  ['a variable that is empty', { ACME_API_KEY: '' }, 'ACME_API_KEY is empty.'],
  ['a variable that is blank', { ACME_API_KEY: '  ' }, 'ACME_API_KEY is empty.'],
  [
    'a file that is not there',
    { ACME_API_KEY_FILE: '/nonexistent/key' },
    'The file /nonexistent/key (from ACME_API_KEY_FILE) cannot be read',
  ],
])('says what is wrong with %s', async (_, environment, message) => {
  await expect(readCredential('env:ACME_API_KEY', secretsIn(environment))).rejects.toMatchObject({
    code: 'CREDENTIAL_MISSING',
    message: expect.stringContaining(message),
    remedy: 'Set ACME_API_KEY or ACME_API_KEY_FILE on every worker.',
  });
});

test('refuses a value that no header can carry, without quoting it', async () => {
  await writeFile(file, 'sk-first-line\nsk-second-line\n');
  const error = await readCredential(`file:${file}`, secretsIn({})).catch((thrown: Error) => thrown);
  expect(error).toMatchObject({ code: 'CREDENTIAL_MISSING' });
  expect(String(error)).not.toContain('sk-');
});

test.each([
  ['a key', 'sk-planted-secret'],
  ['a key in base64', 'cGxhbnRlZA/planted+secret/cGxhbnRlZA=='],
  ['a key in base64 that begins with a slash', '/cGxhbnRlZC+planted/c2VjcmV0=='],
  ['a password after a slash', '/planted-secret'],
  ['a key as PEM', '-----BEGIN PRIVATE KEY-----\nplanted/secret\n-----END PRIVATE KEY-----'],
  ['a text with a NUL', 'planted\0secret'],
  ['a key that is too long for a name', `planted/${'k'.repeat(5_000)}`],
])('%s in NAME_FILE is not repeated, in the message or in the cause', async (_, planted) => {
  const error = await readCredential('env:ACME_API_KEY', secretsIn({ ACME_API_KEY_FILE: planted })).catch(
    (thrown) => thrown,
  );
  expect(error).toMatchObject({
    code: 'CREDENTIAL_MISSING',
    message: 'ACME_API_KEY_FILE is not a path of a readable file.',
    remedy: 'Set ACME_API_KEY or ACME_API_KEY_FILE on every worker.',
  });
  expect(inspect(error, { depth: null })).not.toMatch(/planted/);
});

test.each(['/nonexistent/key', '/run/secrets/missing', './missing-key', 'src/missing-key', '/tmp/a b'])(
  'the path %s in NAME_FILE is named',
  async (path) => {
    const message = expect.stringContaining(
      `The file ${path} (from ACME_API_KEY_FILE) cannot be read: it does not exist (ENOENT)`,
    );
    await expect(readCredential('env:ACME_API_KEY', secretsIn({ ACME_API_KEY_FILE: path }))).rejects.toMatchObject({
      message,
    });
  },
);
