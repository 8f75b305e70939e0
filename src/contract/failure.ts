import { z } from 'zod';
import { FAILURE_CODES } from '../errors.ts';
import { ORIGINS } from './failures/spec.ts';
import { stored } from './stored.ts';

/**
 * A code of the table in `errors.ts`, or of the table of a newer version: a reader that does not know the code must still read
 * how the task ended.
 */
export const FailureCodeText = z
  .string()
  .regex(/^[A-Z][A-Z_]{2,63}$/)
  .meta({ examples: [...FAILURE_CODES] });

/** Something thrown, as it is stored: scrubbed of secrets, with its causes flattened to text. */
export const Failure = stored({
  version: z.literal(1),
  code: FailureCodeText,
  origin: z.enum(ORIGINS),
  message: z.string(),
  remedy: z.string(),
  /** Messages of the cause chain, nearest first. */
  causes: z.array(z.string()),
  http_status: z.number().int().optional(),
  request_id: z.string().optional(),
  retry_after_ms: z.number().optional(),
});
export type Failure = z.infer<typeof Failure>;
