import { z } from 'zod';
import { contract } from './fits.ts';

/** The maximum number of patterns in one policy. */
const MAX_PATTERNS = 100;

/** Whether the model may call a tool. */
export const ToolVerdict = z.enum(['allow', 'deny']);
export type ToolVerdict = z.infer<typeof ToolVerdict>;

/** The name of a tool, or a pattern in which `*` means any characters. The name of a tool has at most 64. */
const ToolPattern = z
  .string()
  .regex(/^[a-zA-Z0-9_*-]{1,64}$/, 'expected the name of a tool, with "*" for any characters, at most 64');

/** A policy as it is stored. */
export const StoredToolPolicy = contract(z.record(ToolPattern, ToolVerdict));

/**
 * Which tools the model may call: names and patterns of tools, each with `allow` or `deny`. A name wins over a pattern,
 * a pattern with more characters beside `*` over one with fewer, and `deny` over `allow`. Other tools are allowed.
 */
export const ToolPolicy = StoredToolPolicy.refine(
  (policy) => Object.keys(policy).length <= MAX_PATTERNS,
  `expected at most ${MAX_PATTERNS} patterns`,
);
export type ToolPolicy = z.infer<typeof ToolPolicy>;
