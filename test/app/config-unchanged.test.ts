import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { loadConfig } from '../../src/app/config.ts';
import { aDirectory } from '../helpers/configured-redis.ts';

/** Matches a refusal whose message has the text. */
const refusal = (message: string) =>
  expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringContaining(message) });

test.each<[string, string | Buffer, string]>([
  ['Latin-1', Buffer.from('board:\n  operator: J\xf6rg\n', 'latin1'), 'is not UTF-8'],
  ['UTF-16', Buffer.from('\ufeffboard: {}\n', 'utf16le'), 'is not UTF-8'],
  ['an octal number', 'worker:\n  health_port: 0777\n', 'worker.health_port: expected a number as in JSON'],
  ['a number with too many digits', 'tasks:\n  retention_days: 7.00000000000000000001\n', 'stored exactly'],
  ['a tag', 'board:\n  operator: !own x\n', 'tag resolve failed'],
  ['YAML 1.1', '%YAML 1.1\n---\nboard:\n  port: 10:30\n', 'expected YAML 1.2'],
  ['a provider named __proto__', 'providers:\n  __proto__: {}\n', '"__proto__" is refused'],
  ['an alias of an alias', 'model_aliases:\n  a: b\n  b: openai:x\n', 'expected a model, got the alias "b"'],
])('a configuration with %s is refused by name', async (_, text, message) => {
  const file = join(await aDirectory(), 'errand.config.yaml');
  writeFileSync(file, text);
  expect(() => loadConfig({ ERRAND_CONFIG: file })).toThrow(refusal(message));
});

test('a configuration that never ends is refused at once', () => {
  expect(() => loadConfig({ ERRAND_CONFIG: '/dev/zero' })).toThrow(refusal('bytes, got more'));
});

test.each([
  ['ERRAND_DRAIN_GRACE_MS', ' ', 'expected a whole number'],
  ['ERRAND_HEALTH_PORT', '0x10', 'expected a whole number'],
  ['ERRAND_PROVIDERS', '{"x":{},"x":{}}', 'the field is given twice'],
  ['ERRAND_PROVIDERS', '{"__proto__":{}}', '"__proto__" is refused'],
])('the variable %s with %j is refused by name', (name, value, message) => {
  expect(() => loadConfig({ ERRAND_CONFIG: '/dev/null', [name]: value })).toThrow(refusal(message));
});
