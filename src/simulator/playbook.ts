import { type Directive, isFault, toTurns } from './directive.ts';
import { type FoundDirective, readDirectives } from './directive-text.ts';
import type { ModelCall } from './model-call.ts';
import type { Match, Rule, Script } from './script.ts';

/** What one request gets: the directive that holds, the tools to call, and the question without its directives. */
export type Play = { directive: Directive; tools: Directive[]; question: string };

/** Conversations whose `times` are remembered; beyond it the oldest is forgotten, so that a load run stays small. */
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

/** A rule's steps in turns, each as often as its `times` says, and how many requests the rule has answered. */
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

/** What is said of the answer waits until the tools have been called; pace, model and usage hold in every turn. */
function withoutAnswer({ text, tokens, refusal, stop, ...rest }: Directive): Directive {
  return rest;
}

/**
 * Decides what each request gets. The first rule of the script that matches answers; where none does, the directives
 * in the user messages; where there are none, the defaults.
 *
 * Of the directives in a prompt the first fault that has uses left holds alone, over the merged others; tool calls
 * follow one a turn. `times` is counted for each conversation, told apart by its first user message.
 */
export class Playbook {
  readonly #rules: RuleSequence[];
  readonly #uses = new Map<string, number>();

  constructor(script: Script) {
    this.#rules = script.rules.map((rule) => new RuleSequence(rule));
  }

  /** Chooses for one request and counts it. Returns what is wrong where a directive cannot be read. */
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
