import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { REASONING_EFFORTS } from '../../src/contract/effort.ts';
import { DEFAULT_LIMITS } from '../../src/contract/limits.ts';
import { type ResolvedRoute, RouteRequest, type RouteRule } from '../../src/contract/route.ts';
import { planBatch } from '../../src/routes/plan.ts';
import { type RouteContext, resolveRoute } from '../../src/routes/resolve.ts';
import type { RoutingTable } from '../../src/routes/table.ts';
import { routed } from '../producer/open-producer.ts';

const table: RoutingTable = {
  providers: {
    openai: routed('gpt-default'),
    anthropic: routed('claude-default'),
    bare: routed(),
  },
  delegation: {},
  precedence: 'strict',
};

type Layers = {
  task?: RouteRequest;
  defaults?: RouteRequest;
  batch?: RouteRequest;
  config?: RouteRequest;
  parent?: RouteRequest;
  precedence?: RoutingTable['precedence'];
};

function resolve({ task = {}, defaults, batch, config = {}, parent, precedence = 'strict' }: Layers) {
  const context: RouteContext = { defaults, batch, parent };
  return resolveRoute(task, context, { ...table, delegation: config, precedence });
}

function routeOf(layers: Layers): ResolvedRoute {
  const resolved = resolve(layers);
  return 'route' in resolved ? resolved.route : expect.fail(JSON.stringify(resolved.problems));
}

function problemsOf(layers: Layers): object {
  const resolved = resolve(layers);
  return 'problems' in resolved ? resolved.problems : expect.fail(JSON.stringify(resolved.route));
}

/** One line for what a route is and which rule chose each field. */
function lineOf({ provider, model, reasoning_effort: effort, chosen_by: by }: ResolvedRoute): string {
  const tail = effort ? ` ${effort}/${by.reasoning_effort}` : '';
  return `${provider}/${by.provider} ${model}/${by.model}${tail}`;
}

describe('precedence', () => {
  const layers = ['task', 'defaults', 'batch', 'config', 'parent'] as const;
  const full = (tag: string): RouteRequest => ({ provider: 'openai', model: `model-of-${tag}` });
  /** Every subset of the five layers, as bits. */
  const subsets = Array.from({ length: 2 ** layers.length }, (_, bits) =>
    layers.filter((_layer, at) => bits & (1 << at)),
  );
  const cases = (['strict', 'inherit'] as const).flatMap((precedence) =>
    subsets.map((present) => ({
      precedence,
      present,
      counted: present.filter((layer) => precedence === 'inherit' || layer !== 'batch'),
    })),
  );

  test.each(cases)(
    '$precedence: of $present the first that counts gives each field [B50] [B81]',
    ({ precedence, present, counted }) => {
      const [first] = counted;
      const given = (fields: (tag: string) => RouteRequest) =>
        Object.fromEntries(present.map((layer) => [layer, fields(layer)]));
      const effort = { provider: 'openai', reasoning_effort: 'low' } as const;
      if (!first) {
        expect(problemsOf({ precedence, ...given(full) })).toMatchObject([{ path: 'provider' }]);
        return;
      }
      expect(lineOf(routeOf({ precedence, ...given(full) }))).toBe(`openai/${first} model-of-${first}/${first}`);
      expect(lineOf(routeOf({ precedence, ...given(() => effort) }))).toBe(
        `openai/${first} gpt-default/provider low/${first}`,
      );
    },
  );

  test.each<[string, Layers, string]>([
    [
      'takes each field from another layer',
      { task: { reasoning_effort: 'max' }, defaults: { model: 'm' }, parent: { provider: 'openai' } },
      'openai/parent m/defaults max/task',
    ],
    [
      'runs on the model of the task and leaves the provider configured [B46] [B49]',
      { task: { model: 'm' }, config: { provider: 'anthropic', model: 'claude-configured' } },
      'anthropic/config m/task',
    ],
    [
      "keeps the parent's provider if nothing is configured [B49]",
      { task: { model: 'm' }, parent: { provider: 'openai' } },
      'openai/parent m/task',
    ],
    [
      'takes the default model of a provider named alone, not the configured one [B48]',
      { task: { provider: 'anthropic' }, config: { provider: 'openai', model: 'gpt-configured' } },
      'anthropic/task claude-default/provider',
    ],
    [
      'lends no model across providers, however far down [B48]',
      {
        task: { provider: 'anthropic' },
        defaults: { model: 'whose?' },
        config: { provider: 'openai', model: 'gpt-configured' },
        parent: { provider: 'openai', model: 'gpt-of-parent' },
      },
      'anthropic/task claude-default/provider',
    ],
    [
      'lends the model that was written for the same provider',
      { task: { provider: 'anthropic' }, parent: { provider: 'anthropic', model: 'claude-of-parent' } },
      'anthropic/task claude-of-parent/parent',
    ],
    [
      'skips the top-level route of a batch unless it is inherited [B51]',
      { batch: { provider: 'anthropic', model: 'c' }, config: { provider: 'openai' } },
      'openai/config gpt-default/provider',
    ],
    [
      'puts an inherited top-level route between defaults and configuration [B52]',
      {
        precedence: 'inherit',
        defaults: { reasoning_effort: 'low' },
        batch: { provider: 'anthropic', model: 'c', reasoning_effort: 'high' },
        config: { provider: 'openai' },
      },
      'anthropic/batch c/batch low/defaults',
    ],
  ])('%s', (_title, layers, expected) => {
    expect(lineOf(routeOf(layers))).toBe(expected);
  });
});

describe('what cannot be resolved', () => {
  test.each<[string, Layers, string, string]>([
    ['no provider anywhere', { task: { model: 'm' } }, 'provider', 'known providers: anthropic, bare, openai'],
    [
      'an unknown provider',
      { task: { provider: 'acme' } },
      'provider',
      'unknown provider "acme"; known: anthropic, bare, openai',
    ],
    [
      'the name of something every object has',
      { task: { provider: 'constructor' } },
      'provider',
      'unknown provider "constructor"',
    ],
    [
      'a provider without a default model',
      { task: { provider: 'bare' } },
      'model',
      'provider "bare" has no default model',
    ],
  ])('is a problem that names what is known: %s', (_title, layers, path, message) => {
    expect(problemsOf(layers)).toEqual([{ path, message: expect.stringContaining(message) }]);
  });
});

describe('a single call', () => {
  test('routes as a batch of one with the same fields does [B53]', async () => {
    const fields = { goal: 'a', provider: 'anthropic', model: 'm', reasoning_effort: 'low' };
    const routes = [fields, { tasks: [fields] }].map(async (input) => {
      const planned = await planBatch(input, DEFAULT_LIMITS, table);
      return planned.tasks.map(({ data }) => data.route);
    });
    const [single, batch] = await Promise.all(routes);
    expect(single).toEqual(batch);
    expect(single?.map(lineOf)).toEqual(['anthropic/task m/task low/task']);
  });
});

describe('for all layers', () => {
  const providers = Object.keys(table.providers);
  const request = fc
    .record(
      {
        provider: fc.constantFrom(...providers),
        model: fc.string({ minLength: 1 }).map((text) => `m${text.trim()}`),
        reasoning_effort: fc.constantFrom(...REASONING_EFFORTS),
      },
      { requiredKeys: [] },
    )
    .map((fields) => RouteRequest.parse(fields));
  const layers: fc.Arbitrary<Layers> = fc.record(
    {
      task: request,
      defaults: request,
      batch: request,
      config: request,
      parent: request,
      precedence: fc.constantFrom('strict', 'inherit'),
    },
    { requiredKeys: [] },
  );
  const rank: RouteRule[] = ['task', 'defaults', 'batch', 'config', 'parent'];

  test('the model was written for the provider of the route, or is its default', () => {
    fc.assert(
      fc.property(layers, (given) => {
        const resolved = resolve(given);
        if ('problems' in resolved) return;
        const { provider, model, chosen_by: by } = resolved.route;
        if (by.model === 'provider') {
          expect(model).toBe(table.providers[provider]?.default_model);
          return;
        }
        const source = given[by.model];
        expect(source?.model).toBe(model);
        // Written for this provider: it stands beside its name, or above, where only this provider can be meant.
        const isAbove = rank.indexOf(by.model) < rank.indexOf(by.provider);
        expect(source?.provider === provider || (isAbove && source?.provider === undefined)).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });

  test('a field of the task is obeyed, and the route says what was requested', () => {
    fc.assert(
      fc.property(layers, (given) => {
        const resolved = resolve(given);
        if ('problems' in resolved) return;
        expect(resolved.route).toMatchObject(given.task ?? {});
        expect(resolved.route.requested).toEqual(given.task ?? {});
      }),
    );
  });
});
