import type { ToolPolicy, ToolVerdict } from '../contract/tool-policy.ts';

type Rule = { parts: readonly string[]; literals: number; verdict: ToolVerdict };

/** Decides which tools a child may call: those that every policy allows. A task cannot allow what the deployment denies. */
export class ToolGate {
  readonly #policies: readonly (readonly Rule[])[];

  constructor(policies: readonly ToolPolicy[]) {
    this.#policies = policies.map(rulesOf);
  }

  /** Returns whether a tool may be called. */
  allows(name: string): boolean {
    return this.#policies.every((rules) => rules.find(({ parts }) => matches(parts, name))?.verdict !== 'deny');
  }
}

/** The rules of a policy, the most specific first. */
function rulesOf(policy: ToolPolicy): Rule[] {
  const rules = Object.entries(policy).map(([pattern, verdict]): Rule => {
    const parts = pattern.split('*');
    return { parts, verdict, literals: parts.length === 1 ? Number.POSITIVE_INFINITY : parts.join('').length };
  });
  return rules.sort((a, b) => Number(b.verdict === 'deny') - Number(a.verdict === 'deny')).sort(bySpecificity);
}

function bySpecificity(a: Rule, b: Rule): number {
  return a.literals === b.literals ? 0 : b.literals - a.literals;
}

/**
 * Whether a name consists of the parts with any characters between them. Takes the first place of each part, so it
 * never goes back: the time grows with the length of the name only.
 */
function matches([first = '', ...others]: readonly string[], name: string): boolean {
  const last = others.pop();
  if (last === undefined) return name === first;
  if (!name.startsWith(first)) return false;
  let from = first.length;
  for (const part of others) {
    const at = name.indexOf(part, from);
    if (at < 0) return false;
    from = at + part.length;
  }
  return name.length - from >= last.length && name.endsWith(last);
}
