import type { FixtureOpts, LLMock } from '@copilotkit/aimock';
import type { Disposition } from '../../src/contract/failures/spec.ts';
import type { Usage } from '../../src/contract/usage.ts';
import type { FailureCode } from '../../src/errors.ts';
import type { EndpointName } from './endpoint.ts';
import type { Sent } from './relay.ts';

/** What aimock answers to one request: the first one, and the one that brings tool results. */
export type Step = { response: Parameters<LLMock['on']>[1]; options?: FixtureOpts };

/** How a child ended. `seen` is what else a case looks at. */
export type Observed =
  | { answer: string; calls: string[]; seen: unknown }
  | { code: FailureCode; disposition: Disposition; retry_after_ms: number | null };

/** The expected result of a cell, or why aimock cannot judge it. */
export type Expected = Observed | { notJudged: string };

/** What a case may look at after a child has answered. */
export type Evidence = { sent: Sent[]; usage: Usage };

/** One row of the matrix. `settings` are of the provider. */
export type Case = {
  name: string;
  steps: (endpoint: EndpointName) => Step[];
  settings?: object;
  effort?: 'low';
  /** What is looked at beside the answer. */
  see?: (evidence: Evidence, endpoint: EndpointName) => unknown;
  /** An endpoint without an expectation is left out. */
  expected: Partial<Record<EndpointName, Expected>>;
};

/** The same expectation of every endpoint, with exceptions. */
export function everywhere(
  expected: Expected,
  except: Partial<Record<EndpointName, Expected>> = {},
): Record<EndpointName, Expected> {
  return {
    chat: expected,
    responses: expected,
    anthropic: expected,
    azure: expected,
    'azure-v1': expected,
    openrouter: expected,
    ollama: expected,
    ...except,
  };
}
