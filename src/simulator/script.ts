import { z } from 'zod';
import { Wire } from '../contract/route.ts';
import { inWords } from '../contract/schema-words.ts';
import { ErrandError } from '../errors.ts';
import { Directive } from './directive.ts';

/** Selects the requests that a rule answers. A request must match every given field. */
export const Match = z.strictObject({
  wire: Wire.optional(),
  /** The beginning of the request path. It distinguishes providers with different base URLs. */
  path: z.string().optional(),
  model: z.string().optional(),
  /** Text anywhere in the user messages. */
  contains: z.string().optional(),
  /** The key that came with the request. */
  key: z.string().optional(),
  /** Turn of the conversation, counted from 1. */
  turn: z.number().int().positive().optional(),
});
export type Match = z.infer<typeof Match>;

/** A selection of requests, and the steps that they get one after the other. */
export const Rule = z.strictObject({
  match: Match,
  steps: z.array(Directive.omit({ turn: true })).min(1),
  /** What happens after the last step. */
  afterwards: z.enum(['repeat_last', 'cycle']).default('repeat_last'),
});
export type Rule = z.infer<typeof Rule>;

/**
 * The script of a simulator, as a file or an object. The first rule that matches a request answers it.
 *
 * A rule counts all requests that match it in one sequence, of any conversation. If its steps are 429 and then an
 * answer, only one request gets the 429. For separate sequences, write a rule with a narrower `match` for each.
 */
export const Script = z.strictObject({ rules: z.array(Rule) });
export type Script = z.infer<typeof Script>;
/** A script as a person writes it. */
export type ScriptInput = z.input<typeof Script>;

/** Checks a script. Throws `CONFIG_INVALID` with every problem. */
export function parseScript(value: unknown): Script {
  const parsed = Script.safeParse(value, inWords('field'));
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map(({ path, message }) => ({ path: path.join('.'), message }));
  throw new ErrandError('CONFIG_INVALID', `simulator script: ${problems[0]?.path}: ${problems[0]?.message}`, {
    problems,
  });
}
