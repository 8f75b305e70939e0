import { NamePatterns } from '../base/name-patterns.ts';
import type { ToolPolicy, ToolVerdict } from '../contract/tool-policy.ts';

/** Decides which tools a child may call: those that every policy allows. A task cannot allow what the deployment denies. */
export class ToolGate {
  readonly #policies: readonly NamePatterns<ToolVerdict>[];

  constructor(policies: readonly ToolPolicy[]) {
    this.#policies = policies.map((policy) => new NamePatterns(policy, ['deny', 'allow']));
  }

  /** Returns whether a tool may be called. */
  allows(name: string): boolean {
    return this.#policies.every((policy) => policy.find(name) !== 'deny');
  }
}
