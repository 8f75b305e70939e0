import { expect, test } from 'vitest';
import { Redactor, Secret } from '../../src/base/secret.ts';
import { failureOf } from '../../src/contract/failure.ts';
import { ErrandError } from '../../src/errors.ts';

test('a failure keeps nothing of what a provider says that a terminal would obey', () => {
  const cause = new Error('\u001b[2Jcleared\u0007');
  const error = new ErrandError('PROVIDER_FAILED', '\u001b]0;mine\u0007500:\r\n\tbroken\u009b', { cause });
  expect(failureOf(error, new Redactor())).toMatchObject({ message: ']0;mine500:\n\tbroken', causes: ['[2Jcleared'] });
});

test('a secret is found in a failure although a control character splits it', () => {
  const redactor = new Redactor();
  redactor.watch(new Secret('sk-planted-0123456789'));
  const { message } = failureOf(new ErrandError('PROVIDER_FAILED', 'no sk-planted\u0007-0123456789'), redactor);
  expect(message).toBe('no [secret]');
});
