import { clip } from '../../base/text.ts';
import type { StopReason } from '../../contract/checkpoint.ts';
import { ErrandError } from '../../errors.ts';

/**
 * The meaning of the stop reasons of the vendors and of the servers that implement their protocols; the first match counts.
 * Words are compared in lower case with `_` between their parts, because Gemini writes them in capitals.
 *
 * A failure comes first: `malformed_function_call` is a failure and not a tool call.
 */
const MEANINGS: readonly [RegExp, StopReason | 'failure' | 'context'][] = [
  [/error|abort|cancel|malformed|insufficient|interrupt|fail|timeout|timed_out|pause/, 'failure'],
  [/^model_length$/, 'length'],
  [/context/, 'context'],
  [/length|max.*tokens|token.*limit|max_output/, 'length'],
  [/filter|refus|safety|sensitive|moderat|prohibited|blocked|blocklist|recitation|spii|guardrail/, 'refusal'],
  [/^(tool|function)(_|$)/, 'tools'],
  [/^(stop|end|eos|finish|complete|done)(ped|ed|d)?(_|$)/, 'answer'],
];

/** Normalizes a word for comparison: vendors write `endTurn` as well as `MAX_TOKENS`. */
function comparable(word: string): string {
  const parts = /[a-z]/.test(word) ? word.replaceAll(/([a-z])([A-Z])/g, '$1_$2') : word;
  return parts.toLowerCase().replaceAll(/[^a-z]+/g, '_');
}

/**
 * Returns why a turn stopped, from the word of its provider. If the turn is complete, its calls decide, because some servers
 * end a turn with calls like an answer.
 *
 * @throws ErrandError `PROVIDER_FAILED` for an unknown word, because the answer may have broken off; and `CONTEXT_TOO_LONG`
 * if the context window ended the answer, because no limit of the task can be raised.
 */
export function stopFor(
  { provider, model }: { provider: { name: string }; model: string },
  word: string,
  hasCalls: boolean,
): StopReason {
  const known = comparable(word);
  const meaning = MEANINGS.find(([pattern]) => pattern.test(known))?.[1];
  if (meaning === 'context') {
    throw new ErrandError(
      'CONTEXT_TOO_LONG',
      `Provider "${provider.name}" ended the answer: it fills the context window of model "${model}"`,
    );
  }
  if (meaning !== undefined && meaning !== 'failure')
    return meaning === 'length' || meaning === 'refusal' ? meaning : endOf(hasCalls);
  const said = `the ${meaning === undefined ? 'unknown ' : ''}stop reason "${clip(word, 60)}"`;
  const reason = word === '' ? 'no stop reason' : said;
  throw new ErrandError('PROVIDER_FAILED', `Provider "${provider.name}" returned ${reason} for model "${model}".`);
}

/** The stop reason of a complete turn. */
export function endOf(hasCalls: boolean): StopReason {
  return hasCalls ? 'tools' : 'answer';
}
