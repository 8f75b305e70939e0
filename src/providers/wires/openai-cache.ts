import type { WireRoute } from './wire.ts';

/**
 * Marks the end of what a batch shares. From GPT-5.6 on, OpenAI reads a cached prefix only at a mark, and its own mark is
 * at the end of the newest message, which differs from task to task.
 */
export const SHARED_END = { prompt_cache_breakpoint: { mode: 'explicit' as const } };

/** The key by which OpenAI sends requests with the same beginning to the same machine. */
export function cacheKeyOf({ provider, cacheKey }: WireRoute): { prompt_cache_key?: string } {
  return provider.prompt_cache && cacheKey !== undefined ? { prompt_cache_key: cacheKey } : {};
}
