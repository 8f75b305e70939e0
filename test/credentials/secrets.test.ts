import { inspect } from 'node:util';
import { expect, test } from 'vitest';
import { loadConfig } from '../../src/app/config.ts';
import { secretsIn } from '../../src/credentials/secrets.ts';

const PLANTED = 'planted-secret-0123456789';

test('finds NAME before NAME_FILE, and takes an empty variable for absent', () => {
  const file = { status: 'file', path: '/run/key', variable: 'KEY_FILE' };
  expect(secretsIn({ KEY: 'a', KEY_FILE: '/run/key' }).find('KEY')).toMatchObject({ status: 'variable' });
  expect(secretsIn({ KEY: '', KEY_FILE: '/run/key' }).find('KEY')).toEqual(file);
  expect(secretsIn({ KEY: '', KEY_FILE: '' }).find('KEY')).toEqual({ status: 'absent', isEmpty: true });
  expect(secretsIn({}).find('KEY')).toEqual({ status: 'absent', isEmpty: false });
});

test('a reader of secrets prints nothing that it can find, and neither does the find', () => {
  const secrets = secretsIn({ KEY: PLANTED });
  for (const value of [secrets, secrets.find('KEY')]) {
    expect(inspect(value, { depth: null, showHidden: true }) + JSON.stringify(value)).not.toContain(PLANTED);
  }
});

test('a configuration has nothing of the environment that is no setting', () => {
  const environment = { ERRAND_CONFIG: '/dev/null', OPENAI_API_KEY: PLANTED, ERRAND_BOARD_PASSWORD: PLANTED };
  const config = loadConfig({ ...environment, REDIS_URL: `redis://user:${PLANTED}@127.0.0.1` });
  expect(inspect(config, { depth: null, showHidden: true }) + JSON.stringify(config)).not.toContain(PLANTED);
});
