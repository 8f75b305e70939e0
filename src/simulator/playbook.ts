import { type Directive, isFault, toTurns } from './directive.ts';
import { type FoundDirective, readDirectives } from './directive-text.ts';
import type { ModelCall } from './model-call.ts';
import type { Match, Rule, Script } from './script.ts';

/** The plan for one request: its directive, the tools to call, and the question without its directives. */
export type Play = { directive: Directive; tools: Directive[]; question: string };

/** The maximum number of counters for `times`. One more removes the oldest, so that a load test needs little memory. */
const MAX_COUNTED = 100_000;

function matches({ wire, path, model, key, turn, contains }: Match, call: ModelCall): boolean {
  return (
    (wire === undefined || wire === call.wire) &&
    (path === undefined || call.path.startsWith(path)) &&
    (model === undefined || model === call.model) &&
    (key === undefined || key === call.key) &&
    (turn === undefined || turn === call.turn) &&
    (contains === undefined || call.userTexts.some((text) => text.includes(contains)))
  );
}

/** The steps of a rule, each repeated `times` times, and the number of requests that the rule has answered. */
class RuleSequence {
  readonly match: Match;
  readonly #steps: Directive[][];
  readonly #total: number;
  readonly #isCyclic: boolean;
  #answered = 0;

  constructor(rule: Rule) {
    this.match = rule.match;
    this.#steps = toTurns(rule.steps);
    this.#total = this.#steps.reduce((sum, step) => sum + (step[0]?.times ?? 1), 0);
    this.#isCyclic = rule.afterwards === 'cycle';
  }

  next(): Directive[] {
    const position = this.#answered++;
    let left = this.#isCyclic ? position % this.#total : Math.min(position, this.#total - 1);
    for (const step of this.#steps) {
      left -= step[0]?.times ?? 1;
      if (left < 0) return step;
    }
    return [];
  }
}

function playOf(step: Directive[]): Pick<Play, 'directive' | 'tools'> {
  const directive = step[0] ?? {};
  return { directive, tools: directive.tool === undefined ? [] : step };
}

/**
 * Removes the fields of the answer, which apply after the tools were called. Pace, model and usage apply in every turn.
 */
function withoutAnswer({ text, tokens, refusal, stop, ...rest }: Directive): Directive {
  return rest;
}

/**
 * Chooses the directive for each request: the first rule of the script that matches, else the directives in the user
 * messages, else the defaults.
 *
 * All directives of a prompt are merged, except faults: only the first fault with uses left applies. Tool calls follow,
 * one in each turn. `times` is counted for each conversation, which is identified by its first user message.
 */
export class Playbook {
  readonly #rules: RuleSequence[];
  readonly #uses = new Map<string, number>();

  constructor(script: Script) {
    this.#rules = script.rules.map((rule) => new RuleSequence(rule));
  }

  /** Chooses the directive for one request, and counts its use. Returns a problem if a directive is invalid. */
  choose(call: ModelCall): Play | { problem: string } {
    const lastText = call.userTexts.at(-1) ?? '';
    const rule = this.#rules.find(({ match }) => matches(match, call));
    if (rule) return { ...playOf(rule.next()), question: lastText };
    const reading = readDirectives(call.userTexts.join('\n'));
    if ('problem' in reading) return reading;
    const last = readDirectives(lastText);
    return { ...this.#fromPrompt(reading.found, call), question: 'prose' in last ? last.prose : lastText };
  }

  #fromPrompt(found: FoundDirective[], call: ModelCall): Pick<Play, 'directive' | 'tools'> {
    const tools = found.map(({ directive }) => directive).filter(({ tool }) => tool !== undefined);
    const holding = found
      .map(({ source, directive }, index) => ({ directive, use: `${index}${source}${call.userTexts[0]}` }))
      .filter(({ directive: { tool, turn } }) => tool === undefined && (turn === undefined || turn === call.turn));
    const fault = holding.find(({ directive, use }) => isFault(directive) && this.#spend(directive, use));
    const directive: Directive = {};
    for (const { directive: next, use } of holding) {
      if (!isFault(next) && this.#spend(next, use)) Object.assign(directive, next);
    }
    const calls = toTurns(tools)[call.turn - 1] ?? [];
    const answer = calls[0] ? { ...withoutAnswer(directive), ...calls[0] } : directive;
    return { directive: { ...answer, ...fault?.directive }, tools: calls };
  }

  #spend({ times }: Directive, use: string): boolean {
    if (times === undefined) return true;
    const spent = this.#uses.get(use) ?? 0;
    if (spent === 0 && this.#uses.size >= MAX_COUNTED) {
      const [oldest] = this.#uses.keys();
      if (oldest !== undefined) this.#uses.delete(oldest);
    }
    this.#uses.set(use, spent + 1);
    return spent < times;
  }
}
