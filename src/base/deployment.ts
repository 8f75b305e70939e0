import { hash } from 'node:crypto';

/**
 * The values, beside task and epoch, from which the names of resources are derived. They come from the configuration of
 * this worker and never from Redis.
 */
export type Deployment = { prefix: string; workspaceRoot: string };

/**
 * Returns a short hash that names a deployment in the marks of its resources. It takes less than a microsecond, so it
 * is not kept.
 */
export function deploymentHash(text: string): string {
  return hash('sha256', text).slice(0, 16);
}
