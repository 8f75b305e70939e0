import { appendFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readCredential } from '../../src/credentials/sources.ts';

let dir: string;
let file: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'errand-credentials-'));
  file = join(dir, 'key');
});
afterEach(() => rm(dir, { recursive: true }));

async function readValue(source: string, environment: Record<string, string> = {}): Promise<string> {
  return (await readCredential(source, environment)).secret.reveal();
}

test('reads a variable and names itself after it', async () => {
  const credential = await readCredential('env:ACME_API_KEY', { ACME_API_KEY: 'sk-one' });
  expect(credential.id).toBe('env:ACME_API_KEY');
  expect(credential.secret.reveal()).toBe('sk-one');
});

test('reads the file that NAME_FILE names, without its last newline, and NAME before it', async () => {
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
  expect(await readCredential('none', {})).toMatchObject({ id: 'none' });
  expect(await readValue('none')).not.toBe('');
});

test('does not look beyond its own variable', async () => {
  const environment = { OPENAI_API_KEY: 'sk-other', ACME_API_KEY2: 'sk-other' };
  await expect(readCredential('env:ACME_API_KEY', environment)).rejects.toMatchObject({ code: 'CREDENTIAL_MISSING' });
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
  await expect(readCredential('env:ACME_API_KEY', environment)).rejects.toMatchObject({
    code: 'CREDENTIAL_MISSING',
    message: expect.stringContaining(message),
    remedy: 'Set ACME_API_KEY or ACME_API_KEY_FILE on every worker.',
  });
});

test('refuses a value that no header can carry, without quoting it', async () => {
  await writeFile(file, 'sk-first-line\nsk-second-line\n');
  const error = await readCredential(`file:${file}`, {}).catch((thrown: Error) => thrown);
  expect(error).toMatchObject({ code: 'CREDENTIAL_MISSING' });
  expect(String(error)).not.toContain('sk-');
});
