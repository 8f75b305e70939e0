import { isDeepStrictEqual } from 'node:util';
import type { LLMock } from '@copilotkit/aimock';
import { z } from 'zod';
import { Child } from '../../src/agent/child.ts';
import { defineTool } from '../../src/agent/tool.ts';
import { Secret } from '../../src/base/secret.ts';
import { FAILURES, isErrandError } from '../../src/errors.ts';
import { Models } from '../../src/providers/models.ts';
import { unobserved } from '../../src/telemetry/observer.ts';
import { anAllowance } from '../../test/helpers/allowance.ts';
import { toolsOf } from '../../test/helpers/tools.ts';
import type { Case, Expected, Observed } from './case.ts';
import { type EndpointName, KEY, modelOf, providerOf } from './endpoint.ts';
import type { Relay } from './relay.ts';

/** One cell of the matrix after it ran. */
export type Judged = {
  name: string;
  endpoint: EndpointName;
  verdict: 'as expected' | 'not judged' | 'missed';
  expected: Expected;
  observed: Observed | { threw: string } | null;
};

/** The time limit of a child; after it the cell counts as hung. */
const LIMIT_MS = 20_000;

const DEGREES: Record<string, number> = { Oslo: 3, Lima: 19, 'Zürich 🏔': -1 };

/** Lets aimock answer, runs a child of ours against it, and compares how it ended with what is expected. */
export async function runCell(test: Case, endpoint: EndpointName, mock: LLMock, relay: Relay): Promise<Judged[]> {
  const expected = test.expected[endpoint];
  if (expected === undefined) return [];
  const cell = { name: test.name, endpoint, expected };
  if ('notJudged' in expected) return [{ ...cell, verdict: 'not judged', observed: null }];
  const goal = `Cell ${test.name} of ${endpoint}.`;
  for (const [at, { response, options }] of test.steps(endpoint).entries()) {
    mock.on({ userMessage: goal, hasToolResult: at > 0 }, response, options);
  }
  const observed = await observe(test, endpoint, goal, relay);
  return [{ ...cell, verdict: isDeepStrictEqual(observed, expected) ? 'as expected' : 'missed', observed }];
}

async function observe(test: Case, endpoint: EndpointName, goal: string, relay: Relay): Promise<Judged['observed']> {
  const provider = providerOf(endpoint, relay.url, test.settings ?? {});
  const isKeyless = provider.credential === 'none';
  const handle = await new Models().open({
    provider,
    route: { model: modelOf(endpoint), reasoning_effort: test.effort },
    credential: { id: provider.credential, secret: isKeyless ? new Secret('none') : KEY },
  });
  const calls: string[] = [];
  const child = childOf(goal, handle.model, calls);
  try {
    const answer = await child.run(AbortSignal.timeout(LIMIT_MS));
    const evidence = { sent: relay.sentWith(goal), usage: child.transcript.tally.usage };
    return { answer, calls, seen: test.see?.(evidence, endpoint) ?? null };
  } catch (error) {
    if (!isErrandError(error)) return { threw: String(error) };
    const { code, retryAfterMs = null } = error;
    return { code, disposition: FAILURES[code].disposition, retry_after_ms: retryAfterMs };
  } finally {
    await handle.close();
  }
}

function childOf(goal: string, model: ConstructorParameters<typeof Child>[0]['model'], calls: string[]): Child {
  const degrees = defineTool({
    name: 'degrees',
    description: 'Tells how warm it is in a city.',
    class: 'read',
    parameters: z.object({ city: z.string() }),
    run: async ({ city }) => {
      calls.push(city);
      return `${city}: ${DEGREES[city] ?? 'unknown'}`;
    },
  });
  return new Child({
    prompt: { system: 'You find out.', first: { role: 'user', text: goal } },
    model,
    tools: toolsOf([degrees]),
    allowance: anAllowance({ turns: 4, outputTokensPerTurn: 4_000, toolMs: 5_000 }),
    shouldYield: () => false,
    recorded: [],
    record: async () => undefined,
    effects: [],
    journal: async () => undefined,
    observer: { begin: () => unobserved },
    label: { taskId: 'cell', epoch: 1, provider: 'aimock', model: 'any', effort: undefined },
  });
}
