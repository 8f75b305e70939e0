import type { Secret } from '../base/secret.ts';

/**
 * A resolved credential. `id` names its source and is safe to store (`env:OPENAI_API_KEY`); the value is not.
 */
export type Credential = { id: string; secret: Secret };
