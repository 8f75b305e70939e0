import { z } from 'zod';
import { FAILURE_CODES } from '../errors.ts';
import { stored } from './stored.ts';

/** Something thrown, as it is stored: scrubbed of secrets, with its causes flattened to text. */
export const Failure = stored({
  version: z.literal(1),
  code: z.enum(FAILURE_CODES),
  origin: z.enum(['input', 'credential', 'provider', 'child', 'budget', 'attempt', 'infrastructure', 'internal']),
  message: z.string(),
  remedy: z.string(),
  /** Messages of the cause chain, nearest first. */
  causes: z.array(z.string()),
  http_status: z.number().int().optional(),
  request_id: z.string().optional(),
  retry_after_ms: z.number().optional(),
});
export type Failure = z.infer<typeof Failure>;
