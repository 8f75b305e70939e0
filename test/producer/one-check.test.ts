import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { loadConfig } from '../../src/app/config.ts';
import { Secret } from '../../src/base/secret.ts';
import { createCatalogue } from '../../src/catalogue/catalogue.ts';
import { REASONING_EFFORTS } from '../../src/contract/effort.ts';
import { DEFAULT_LIMITS } from '../../src/contract/limits.ts';
import { isErrandError } from '../../src/errors.ts';
import { Models } from '../../src/providers/models.ts';
import { checkRoute } from '../../src/routes/check.ts';
import { planBatch } from '../../src/routes/plan.ts';
import { routingTable } from '../../src/routes/table.ts';
import { openProducer, optionsOf } from './open-producer.ts';

const MODELS = ['gpt-5.1', 'gpt-5.6-sol', 'gpt-4.1', 'claude-opus-5-5', 'claude-3-5-haiku', 'acme-1', 'llama'];

const effort = fc.constantFrom(...REASONING_EFFORTS);
const provider = fc.record({
  wire: fc.constantFrom('responses', 'chat', 'messages'),
  effort_policy: fc.constantFrom('strict', 'clamp', 'omit'),
  efforts: fc.dictionary(fc.constantFrom('acme-*', 'gpt-5.1', 'llama'), fc.subarray([...REASONING_EFFORTS]), {
    maxKeys: 2,
  }),
});
const task = fc.record(
  { provider: fc.constantFrom('openai', 'acme', 'other'), model: fc.constantFrom(...MODELS), reasoning_effort: effort },
  { requiredKeys: ['provider', 'model'] },
);

type Efforts = { wire: string; effort_policy: string; efforts: object };

function configOf(acme: Efforts, other: Efforts) {
  const fields = { base_url: 'http://127.0.0.1:9', credential: 'none', default_model: 'm' };
  return loadConfig(
    { ERRAND_CONFIG: '/dev/null' },
    { providers: { acme: { ...fields, ...acme }, other: { ...fields, ...other } } },
  );
}

/** The code and the message of what a call throws, or `null`. */
async function refusalOf(call: () => unknown): Promise<[string, string] | null> {
  try {
    await call();
    return null;
  } catch (error) {
    if (!isErrandError(error)) throw error;
    return [error.code, error.problems[0]?.message ?? error.message];
  }
}

describe('a producer and a worker agree on a route', () => {
  test('plan, the check of admission and the client refuse the same in the same words', async () => {
    let refused = 0;
    await fc.assert(
      fc.asyncProperty(provider, provider, task, async (acme, other, asked) => {
        const config = configOf(acme, other);
        const table = routingTable(config);
        const planned = await refusalOf(() => planBatch({ goal: 'a', ...asked }, DEFAULT_LIMITS, table));
        const admitted = await refusalOf(() => checkRoute(asked, table.providers));
        const opened = await refusalOf(() => open(config, asked));
        expect(admitted).toEqual(planned);
        expect(opened).toEqual(planned);
        if (planned !== null) refused++;
      }),
      { numRuns: 400 },
    );
    expect(refused).toBeGreaterThan(20);
  });

  function open(config: ReturnType<typeof configOf>, route: { provider: string; model: string }) {
    const credential = { id: 'none', secret: new Secret('none') };
    return new Models().open({ provider: createCatalogue(config.providers).get(route.provider), route, credential });
  }
});

const strict = { wire: 'chat', effort_policy: 'strict', efforts: { m: ['low'] } };

test('enqueue refuses an effort that a strict provider does not take, for each task', async () => {
  const config = configOf(strict, strict);
  const producer = openProducer(optionsOf({ routing: routingTable(config) }));
  const tasks = (['low', 'max', 'high'] as const).map((reasoning_effort) => ({
    goal: 'a',
    provider: 'acme',
    reasoning_effort,
  }));
  await expect(producer.enqueue({ tasks })).rejects.toMatchObject({
    code: 'ROUTE_UNSUPPORTED',
    problems: [
      { path: 'tasks[1].reasoning_effort', message: expect.stringContaining('expected one of low'), index: 1 },
      { path: 'tasks[2].reasoning_effort', message: expect.stringContaining('"high"'), index: 2 },
    ],
  });
});

test('a batch with other problems is BATCH_INVALID, and names the efforts too', async () => {
  const table = routingTable(configOf(strict, strict));
  const tasks = [{ goal: 'a', provider: 'acme', reasoning_effort: 'max' }, { goal: '' }];
  await expect(planBatch({ tasks }, DEFAULT_LIMITS, table)).rejects.toMatchObject({
    code: 'BATCH_INVALID',
    problems: [{ path: 'tasks[0].reasoning_effort' }, { path: 'tasks[1].goal' }, { path: 'tasks[1].provider' }],
  });
});
