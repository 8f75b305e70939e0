import { KEY_VARIABLE } from './child.ts';
import { ERRAND_PREFIX } from './queues.ts';

/** The flags of Node in the image (docs/how-to/operate.md, Memory). */
export const SHIPPED_FLAGS = ['--max-semi-space-size=16'];

/** The configuration of Errand's producer and worker: the defaults, except for addresses, concurrency and log level. */
export function errandSettings(simulatorUrl: string, concurrency: number): Record<string, unknown> {
  return {
    prefix: ERRAND_PREFIX,
    providers: {
      openai: {
        wire: 'responses',
        base_url: `${simulatorUrl}/v1`,
        credential: `env:${KEY_VARIABLE}`,
        default_model: 'gpt-5.6-sol',
      },
    },
    worker: { concurrency, health_host: '127.0.0.1', health_port: 0, log_level: 'silent' },
  };
}
