import { serve } from '@hono/node-server';
import { Hono } from 'hono';
import { cannotListen } from '../contract/listening.ts';

/** What the probes and the scraper ask. */
export type HealthSource = {
  /** Why the worker takes no tasks, or `null` while it does. */
  whyNotReady: () => string | null;
  metrics: () => Promise<{ contentType: string; text: string }>;
};

/** The probes of a running worker. */
export type HealthServer = { url: string; close: () => Promise<void> };

/**
 * Serves `/healthz`, `/readyz` and `/metrics`.
 *
 * Liveness is an answer from the event loop and asks nobody: were it to ask Redis, an outage of Redis would become a
 * restart of every worker.
 *
 * @throws ErrandError `ADDRESS_IN_USE`; `CONFIG_INVALID` if it cannot listen for another reason.
 */
export async function serveHealth(source: HealthSource, host: string, port: number): Promise<HealthServer> {
  const app = new Hono();
  app.get('/healthz', (context) => context.text('ok\n'));
  app.get('/readyz', () => {
    const why = source.whyNotReady();
    // Made without Hono, which copies inherited fields of a polluted prototype into the headers and then fails.
    return new Response(`${why ?? 'ready'}\n`, { status: why === null ? 200 : 503 });
  });
  app.get('/metrics', async (context) => {
    const { contentType, text } = await source.metrics();
    return context.body(text, 200, { 'content-type': contentType });
  });
  const { promise, resolve, reject } = Promise.withResolvers<{ port: number }>();
  const server = serve({ fetch: app.fetch, hostname: host, port }, resolve);
  server.once('error', reject);
  const bound = await promise.catch((error: unknown) => {
    const settings = {
      host: 'worker.health_host (ERRAND_HEALTH_HOST)',
      port: 'worker.health_port (ERRAND_HEALTH_PORT)',
    };
    throw cannotListen(error, { what: 'health server', host, port, settings });
  });
  return {
    url: `http://${host === '0.0.0.0' ? '127.0.0.1' : host}:${bound.port}`,
    close: () => new Promise((done) => server.close(() => done())),
  };
}
