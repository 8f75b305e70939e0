import { format, inspect } from 'node:util';
import { serialize } from 'node:v8';
import { describe, expect, test } from 'vitest';
import { Redactor, Secret } from '../../src/base/secret.ts';

const value = 'sk-live "quoted"/+=&ü';

describe('a secret', () => {
  const secret = new Secret(value);
  const printed: Record<string, () => string> = {
    'in a template': () => `${secret}`,
    'added to text': () => `key ${String(secret)}`,
    'as JSON, however deep': () => JSON.stringify({ headers: [{ authorization: secret }] }),
    inspected: () => inspect({ secret }, { depth: 9, showHidden: true, getters: true }),
    'formatted as text': () => format('%s', secret),
    'formatted as an object': () => format('%o %O %j', secret, secret, secret),
    'in an error': () => inspect(new Error('refused', { cause: { secret } }), { depth: 9 }),
    copied: () => JSON.stringify({ ...secret }) + inspect(Object.assign({}, secret)),
    'as its entries': () => JSON.stringify([Object.entries(secret), Reflect.ownKeys(secret).map(String)]),
    serialized: () => serialize({ secret }).toString('latin1'),
    cloned: () => inspect(structuredClone({ secret })),
  };
  test.each(Object.entries(printed))('does not show %s', (_way, print) => {
    expect(print()).not.toMatch(/sk-live|quoted/);
  });

  test('prints as a mask, and is handed out only when asked', () => {
    expect([`${secret}`, JSON.stringify(secret), inspect(secret)]).toEqual(['[secret]', '"[secret]"', '[secret]']);
    expect(secret.reveal()).toBe(value);
  });
});

describe('a redactor', () => {
  const forms: Record<string, (text: string) => string> = {
    plain: (text) => text,
    'URL-encoded': encodeURIComponent,
    'in JSON': (text) => JSON.stringify({ key: text }),
    base64: (text) => Buffer.from(text).toString('base64'),
  };

  test.each(Object.entries(forms))('masks a watched value %s, as often as it occurs', (_form, encode) => {
    const redactor = new Redactor();
    redactor.watch(new Secret(value));
    const text = `<${encode(value)}> and <${encode(value)}>`;
    expect(redactor.scrub(text)).not.toContain(encode(value));
    expect(redactor.scrub(text).match(/\[secret\]/g)).toHaveLength(2);
  });

  test('masks the whole of a value that begins like another', () => {
    const redactor = new Redactor();
    for (const text of ['sk-short', 'sk-short-and-longer']) redactor.watch(new Secret(text));
    expect(redactor.scrub('a sk-short-and-longer b sk-short')).toBe('a [secret] b [secret]');
  });

  test('leaves JSON that can be read', () => {
    const redactor = new Redactor();
    redactor.watch(new Secret(value));
    expect(JSON.parse(redactor.scrub(JSON.stringify({ a: `x${value}y`, b: 1 })))).toEqual({ a: 'x[secret]y', b: 1 });
  });

  test('leaves what it has not been told, and values too short to tell from text', () => {
    const redactor = new Redactor();
    redactor.watch(new Secret('a'));
    expect(redactor.scrub('a banana and sk-unwatched')).toBe('a banana and sk-unwatched');
  });
});
