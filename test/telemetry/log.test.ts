import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import { Redactor, Secret } from '../../src/base/secret.ts';
import { createLog } from '../../src/telemetry/log.ts';

test.each([
  ['lines for machines', false],
  ['lines for people', true],
])('no watched secret is in %s, wherever someone put it [B154]', (_, isPretty) => {
  const redactor = new Redactor();
  const secret = 'sk-planted-0123456789';
  redactor.watch(new Secret(secret));
  let written = '';
  const output = new PassThrough().on('data', (chunk) => {
    written += chunk;
  });
  const log = createLog({ level: 'info', isPretty, redactor, output });
  log.info(`message ${secret}`);
  log.warn({ deep: { field: `value ${secret}` } }, 'fields');
  log.error(new Error('outer', { cause: new Error(`cause ${secret}`) }), 'error');
  for (const told of ['message [secret]', 'value [secret]', 'cause [secret]']) expect(written).toContain(told);
  expect(written).not.toContain(secret);
});

test('a line for people is one line, whatever fields it has', () => {
  let written = '';
  const output = new PassThrough().on('data', (chunk) => {
    written += chunk;
  });
  createLog({ level: 'info', isPretty: true, redactor: new Redactor(), output }).info({ a: 1, b: { c: 2 } }, 'told');
  expect(written).toMatch(/^.*told.*"c":2.*\n$/);
});

test.each([
  ['lines for machines', false],
  ['lines for people', true],
])('%s have no character that a terminal obeys', (_, isPretty) => {
  const hostile = 'x\u001b[2J\u0085\u2028\u009b31m\u202egnp\u200b\u2066\ufeff\r\nFORGED';
  let written = '';
  const output = new PassThrough().on('data', (chunk) => {
    written += chunk;
  });
  const log = createLog({ level: 'info', isPretty, redactor: new Redactor(), output });
  log.info({ name: hostile, caller: hostile, model: hostile, [hostile]: 1 }, hostile);
  const colourless = written.replaceAll(new RegExp(`${String.fromCharCode(27)}\\[\\d*m`, 'g'), '');
  expect(colourless).not.toMatch(/(?!\n)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
  expect(written.match(/\n/g)).toHaveLength(1);
  if (!isPretty) expect(JSON.parse(written)).toMatchObject({ name: hostile, [hostile]: 1, msg: hostile });
});
