import { z } from 'zod';
import { Wire } from '../contract/route.ts';
import { inWords } from '../contract/schema-words.ts';
import { ErrandError } from '../errors.ts';
import { Directive } from './directive.ts';

/** Which requests a rule answers: all that fit every field given. */
export const Match = z.strictObject({
  wire: Wire.optional(),
  /** Beginning of the request path; providers under different base URLs are told apart by it. */
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

/** Some requests, and what they get one after the other. */
export const Rule = z.strictObject({
  match: Match,
  steps: z.array(Directive.omit({ turn: true })).min(1),
  /** What comes after the last step. */
  afterwards: z.enum(['repeat_last', 'cycle']).default('repeat_last'),
});
export type Rule = z.infer<typeof Rule>;

/**
 * What a simulator does, as a file or an object: the first rule that matches a request answers it.
 *
 * A rule counts its requests in one sequence, shared by all that match it, whatever conversation they belong to: with
 * steps 429 and then an answer, exactly one request in all gets the 429. Narrow `match` to have a sequence for each.
 */
export const Script = z.strictObject({ rules: z.array(Rule) });
export type Script = z.infer<typeof Script>;
/** A script as somebody writes it. */
export type ScriptInput = z.input<typeof Script>;

/** Checks a script. Throws `CONFIG_INVALID` with every problem. */
export function parseScript(value: unknown): Script {
  const parsed = Script.safeParse(value, inWords('field'));
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map(({ path, message }) => ({ path: path.join('.'), message }));
  const [first] = problems;
  throw new ErrandError('CONFIG_INVALID', `simulator script: ${first?.path}: ${first?.message}`, { problems });
}
