import { REASONING_EFFORTS, type ReasoningEffort } from '../contract/effort.ts';
import type { Wire } from '../contract/route.ts';
import type { Provider } from './provider.ts';

type Levels = readonly ReasoningEffort[];

const NOT_A_REASONING_MODEL: Levels = [];
const LOW_TO_HIGH: Levels = ['low', 'medium', 'high'];
const LOW_TO_MAX: Levels = ['low', 'medium', 'high', 'xhigh', 'max'];
const NONE_TO_HIGH: Levels = ['none', ...LOW_TO_HIGH];
const NONE_TO_XHIGH: Levels = ['none', ...LOW_TO_HIGH, 'xhigh'];
const NONE_TO_MAX: Levels = ['none', ...LOW_TO_MAX];
const LOW_TO_XHIGH: Levels = [...LOW_TO_HIGH, 'xhigh'];
const PRO: Levels = ['medium', 'high', 'xhigh'];

/** As of November 2026, from OpenAI's model pages and the errors of its endpoint. */
const OPENAI_LEVELS: Record<string, Levels> = {
  'gpt-3.5*': NOT_A_REASONING_MODEL,
  'gpt-4*': NOT_A_REASONING_MODEL,
  'chatgpt-4o*': NOT_A_REASONING_MODEL,
  'o1-preview*': NOT_A_REASONING_MODEL,
  'o1-mini*': NOT_A_REASONING_MODEL,
  'o1*': LOW_TO_HIGH,
  'o3*': LOW_TO_HIGH,
  'o4*': LOW_TO_HIGH,
  'gpt-5*': ['minimal', ...LOW_TO_HIGH],
  'gpt-5-chat*': NOT_A_REASONING_MODEL,
  'gpt-5-codex*': LOW_TO_HIGH,
  'gpt-5-pro*': ['high'],
  'gpt-5.1*': NONE_TO_HIGH,
  'gpt-5.1-chat*': NOT_A_REASONING_MODEL,
  'gpt-5.1-codex*': LOW_TO_HIGH,
  'gpt-5.1-codex-max*': LOW_TO_XHIGH,
  'gpt-5.2*': NONE_TO_XHIGH,
  'gpt-5.2-chat*': NOT_A_REASONING_MODEL,
  'gpt-5.2-codex*': LOW_TO_XHIGH,
  'gpt-5.2-pro*': PRO,
  'gpt-5.3*': NONE_TO_XHIGH,
  'gpt-5.3-chat*': NOT_A_REASONING_MODEL,
  'gpt-5.3-codex*': LOW_TO_XHIGH,
  'gpt-5.4*': NONE_TO_XHIGH,
  'gpt-5.4-pro*': PRO,
  'gpt-5.5*': NONE_TO_XHIGH,
  'gpt-5.5-pro*': PRO,
  'gpt-5.6*': NONE_TO_MAX,
  'gpt-6-sol*': NONE_TO_MAX,
  'gpt-6*': LOW_TO_MAX,
};

/** As of November 2026, from Anthropic's effort and thinking pages. `none` is thinking disabled, where allowed. */
const ANTHROPIC_LEVELS: Record<string, Levels> = {
  'claude-*': LOW_TO_HIGH,
  'claude-3*': NOT_A_REASONING_MODEL,
  'claude-3-7*': NONE_TO_HIGH,
  'claude-opus-4*': NONE_TO_HIGH,
  'claude-sonnet-4*': NONE_TO_HIGH,
  'claude-haiku-4*': NONE_TO_HIGH,
  'claude-opus-4-6*': [...NONE_TO_HIGH, 'max'],
  'claude-sonnet-4-6*': [...NONE_TO_HIGH, 'max'],
  'claude-opus-4-7*': NONE_TO_MAX,
  'claude-opus-4-8*': NONE_TO_MAX,
  'claude-opus-5*': NONE_TO_MAX,
  'claude-sonnet-5*': NONE_TO_MAX,
  'claude-opus-5-5*': LOW_TO_MAX,
  'claude-sonnet-5-5*': LOW_TO_MAX,
  'claude-haiku-5*': LOW_TO_MAX,
  'claude-fable-*': LOW_TO_MAX,
  'claude-mythos-*': LOW_TO_MAX,
};

/** The models of OpenAI that take marks in a prompt: GPT-5.6 and later, as of November 2026. */
const TAKES_MARKS = /^gpt-(5\.([6-9]|\d\d)|[6-9]|\d\d)(\D|$)/;

const BUILT_IN: Record<Wire, LevelTable> = {
  responses: tableOf(OPENAI_LEVELS, 'responses'),
  chat: tableOf(OPENAI_LEVELS, 'chat'),
  messages: tableOf(ANTHROPIC_LEVELS, 'messages'),
};

/** Levels by the name of a model, or by a prefix that ends in `*`; and the prefixes, sorted by length, descending. */
type LevelTable = { named: Readonly<Record<string, Levels>>; prefixes: readonly { prefix: string; levels: Levels }[] };

function tableOf(declared: Readonly<Record<string, Levels>>, wire: Wire): LevelTable {
  const entries = Object.entries(declared);
  const named = Object.fromEntries(entries.map(([key, levels]) => [key, sentOn(wire, levels)]));
  const prefixes = Object.entries(named)
    .filter(([key]) => key.endsWith('*'))
    .map(([key, levels]) => ({ prefix: key.slice(0, -1), levels }))
    .sort((a, b) => b.prefix.length - a.prefix.length);
  return { named, prefixes };
}

/** Returns the most specific entry: the exact name, else the prefix with the maximum length. */
function lookUp({ named, prefixes }: LevelTable, model: string): Levels | undefined {
  if (Object.hasOwn(named, model)) return named[model];
  return prefixes.find(({ prefix }) => model.startsWith(prefix))?.levels;
}

/** Sorts levels from low to high. The Messages API has no word for `minimal`, so a provider cannot declare it there. */
function sentOn(wire: Wire, levels: Levels): Levels {
  return REASONING_EFFORTS.filter((level) => levels.includes(level) && !(wire === 'messages' && level === 'minimal'));
}

/**
 * Returns the levels that a model takes, lowest first: those that the provider declares, else those of the built-in
 * table, else `none` and `low` to `high`. Nearly every compatible endpoint takes `low` to `high`. `none` is among them
 * so that it is sent, and never clamped to a level with thinking. Empty: the model takes no effort.
 */
export function levelsOf(provider: Pick<Provider, 'wire' | 'efforts'>, model: string): Levels {
  const { wire, efforts } = provider;
  const declared = Object.keys(efforts).length > 0 ? lookUp(tableOf(efforts, wire), model) : undefined;
  return declared ?? lookUp(BUILT_IN[wire], model) ?? NONE_TO_HIGH;
}

/** Tells whether a request may mark the end of a prefix to cache, as OpenAI's later models need it. Others refuse it. */
export function marksPrefixes({ prompt_cache }: Pick<Provider, 'prompt_cache'>, model: string): boolean {
  return prompt_cache && TAKES_MARKS.test(model);
}
