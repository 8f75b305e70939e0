import { type Allowance, allowanceFor } from '../../src/agent/allowance.ts';
import { Provider } from '../../src/catalogue/provider.ts';
import { DefaultBudget } from '../../src/contract/limits.ts';

const PROVIDER = Provider.parse({ name: 'acme', wire: 'chat', base_url: 'https://llm.example/v1', credential: 'none' });

/** The allowance of a child for which nothing is configured, with some of its limits changed. */
export function anAllowance(over: Partial<Allowance> = {}): Allowance {
  const watchdogs = { tool_ms: 60_000, turns_without_progress: 5 };
  const deployment = { budget: DefaultBudget.parse({}), watchdogs };
  return { ...allowanceFor({ task: undefined, deployment, provider: PROVIDER, effort: null }), ...over };
}
