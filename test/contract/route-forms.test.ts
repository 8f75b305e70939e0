import { describe, expect, test } from 'vitest';
import { readRouteFields } from '../../src/contract/route-forms.ts';

function read(fields: Record<string, unknown>) {
  const warnings: string[] = [];
  const refusals: string[] = [];
  const route = readRouteFields(fields, {
    warn: (text) => warnings.push(text),
    refuse: (path, message) => refusals.push(`${path}: ${message}`),
  });
  return { route, warnings, refusals };
}

describe('an effort', () => {
  test.each([
    ['ultra', 'max', '"ultra" is read as "max"'],
    [' High ', 'high', '" High " is read as "high"'],
    ['disabled', 'none', '"disabled" is read as "none"'],
    ['false', 'none', '"false" is read as "none"'],
    [false, 'none', 'false is read as "none"'],
    ['', undefined, '"" is read as no preference'],
    [true, undefined, 'true is read as no preference'],
    [null, undefined, 'null is read as an absent field'],
  ])('%j is read as %s, with a warning [B77]', (effort, level, warning) => {
    const { route, warnings, refusals } = read({ reasoning_effort: effort });
    expect([route, warnings, refusals]).toEqual([
      level === undefined ? {} : { reasoning_effort: level },
      [`reasoning_effort: ${warning}`],
      [],
    ]);
  });

  test.each(['none', 'minimal', 'max', 'extreme', 5, 'toString'])('%j stays as it is, without a warning', (effort) => {
    expect(read({ reasoning_effort: effort })).toEqual({
      route: { reasoning_effort: effort },
      warnings: [],
      refusals: [],
    });
  });
});

describe('a model that is an object', () => {
  test.each<[object, object]>([
    [
      { provider: 'anthropic', model: 'm' },
      { provider: 'anthropic', model: 'm' },
    ],
    [
      { provider: 'anthropic', default: 'm' },
      { provider: 'anthropic', model: 'm' },
    ],
    [{ provider: 'anthropic' }, { provider: 'anthropic' }],
    [{ model: 'm', default: 'm' }, { model: 'm' }],
  ])('%j is read as its fields', (model, route) => {
    expect(read({ model })).toEqual({ route, warnings: [], refusals: [] });
  });

  test.each<[Record<string, unknown>, string]>([
    [{ model: {} }, 'model: expected provider, model or both in the object'],
    [{ model: { model: 5 } }, 'model.model: expected a string, got 5'],
    [{ model: { model: 'a', default: 'b' } }, 'model.default: conflict: model.model and model.default differ'],
    [{ model: { model: 'a', fallback: [] } }, 'model.fallback: unknown field; known: provider, model, default'],
    [
      { provider: 'openai', model: { provider: 'anthropic' } },
      'provider: conflict: provider says "openai", model.provider says "anthropic"; write one of them',
    ],
  ])('%j is refused', (fields, refusal) => {
    expect(read(fields).refusals).toEqual([expect.stringContaining(refusal)]);
  });
});

describe('a provider that is declared in the payload', () => {
  const secret = 'sk-7Gq2';
  test.each<[string, Record<string, unknown>, string]>([
    ['an object', { provider: { name: 'x', api_key: secret } }, 'provider: refused: expected the name of a provider'],
    ['an address', { provider: `https://u:${secret}@h` }, 'provider: refused: expected the name of a provider'],
    ['a key beside a model', { model: { model: 'm', api_key: secret } }, 'model.api_key: refused: keys and addresses'],
  ])('is refused and not repeated: %s [B18]', (_what, fields, refusal) => {
    const { route, warnings, refusals } = read(fields);
    expect(refusals).toEqual([expect.stringContaining(refusal)]);
    expect(JSON.stringify([route, warnings, refusals])).not.toContain(secret);
  });
});

test('custom:<name> is read as the name, with a warning [B61]', () => {
  expect(read({ provider: 'custom:acme' })).toEqual({
    route: { provider: 'acme' },
    warnings: ['provider: "custom:acme" is read as "acme"'],
    refusals: [],
  });
});

test('a model with spaces around it is read without them, with a warning', () => {
  expect(read({ model: ' gpt-5 ' })).toEqual({
    route: { model: 'gpt-5' },
    warnings: ['model: " gpt-5 " is read without the spaces around it'],
    refusals: [],
  });
  expect(read({ model: ' ' })).toMatchObject({ route: { model: ' ' }, warnings: [] });
});
