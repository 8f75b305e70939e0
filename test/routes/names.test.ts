import { describe, expect, test } from 'vitest';
import type { RouteRequest } from '../../src/contract/route.ts';
import { expandRoute, type RouteNames } from '../../src/routes/names.ts';

const names: RouteNames = {
  providers: { openai: {}, anthropic: { aliases: ['claude'] }, acme: {} },
  model_aliases: { opus: { provider: 'anthropic', model: 'claude-opus-5-5' }, fast: { model: 'gpt-fast' } },
};

function messageOf(route: RouteRequest): string {
  const expanded = expandRoute(route, names);
  return 'problems' in expanded ? expanded.problems.map(({ path, message }) => `${path}: ${message}`).join('; ') : '';
}

describe('a model is read as', () => {
  test.each<[string, string | undefined, string | undefined]>([
    ['anthropic:claude-opus-5-5', 'anthropic', 'claude-opus-5-5'],
    ['claude:claude-opus-5-5', 'anthropic', 'claude-opus-5-5'],
    ['acme:llama3:8b', 'acme', 'llama3:8b'],
    ['custom:acme:llama3:8b', 'acme', 'llama3:8b'],
    ['opus', 'anthropic', 'claude-opus-5-5'],
    ['fast', undefined, 'gpt-fast'],
    ['anthropic:opus', 'anthropic', 'claude-opus-5-5'],
    ['acme:fast', 'acme', 'gpt-fast'],
    ['opus --provider anthropic', 'anthropic', 'claude-opus-5-5'],
    ['--provider=claude claude-x', 'anthropic', 'claude-x'],
    ['--provider acme', 'acme', undefined],
  ])('%s is provider %s, model %s [B61] [B62]', (model, provider, meant) => {
    const route = { ...(provider && { provider }), ...(meant && { model: meant }) };
    expect(expandRoute({ model }, names)).toEqual({ route });
  });

  test.each([
    'llama3:8b',
    'ft:gpt-4o:org::id',
    'qwen/qwen3-coder:free',
    'custom:nobody:m',
    'custom:acme',
    'constructor:x',
    ':anthropic',
    'a--b',
    'toString',
  ])('itself if no provider is before its first colon: %s', (model) => {
    expect(expandRoute({ model }, names)).toEqual({ route: { model } });
  });

  test('itself with its other fields, and an alias of a provider as its id', () => {
    const route = { provider: 'claude', model: 'm', reasoning_effort: 'low' } as const;
    expect(expandRoute(route, names)).toEqual({ route: { ...route, provider: 'anthropic' } });
  });
});

describe('a route that says two things is refused and names both:', () => {
  test.each<[RouteRequest, string]>([
    [
      { provider: 'openai', model: 'anthropic:claude-x' },
      'provider: conflict: provider says "openai", the model "anthropic:claude-x" says "anthropic"; write one of them',
    ],
    [
      { provider: 'openai', model: 'opus' },
      'provider: conflict: provider says "openai", the alias "opus" says "anthropic"; write one of them',
    ],
    [
      { model: 'opus --provider openai' },
      'model: conflict: --provider says "openai", the alias "opus" says "anthropic"; write one of them',
    ],
    [
      { model: 'm --provider openai --provider acme' },
      'model: conflict: --provider says "openai", --provider says "acme"; write one of them',
    ],
  ])('both places of %j [B61]', (route, message) => {
    expect(messageOf(route)).toBe(message);
  });

  test('the same provider twice is no conflict, also by another name', () => {
    const expanded = { route: { provider: 'anthropic', model: 'claude-x' } };
    expect(expandRoute({ provider: 'anthropic', model: 'claude:claude-x' }, names)).toEqual(expanded);
    expect(expandRoute({ provider: 'claude', model: 'claude-x --provider anthropic' }, names)).toEqual(expanded);
  });
});

test.each<[string, string]>([
  ['m --global', 'model: unknown option "--global" in a model; known: --provider NAME'],
  ['m --provider', 'model: expected the name of a provider after --provider'],
  ['m --provider --global', 'model: expected the name of a provider after --provider'],
  ['anthropic:', 'model: expected a model after "anthropic:"'],
])('the model %j cannot be read', (model, message) => {
  expect(messageOf({ model })).toBe(message);
});
