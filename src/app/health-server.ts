import { getRequestListener } from '@hono/node-server';
import { Hono } from 'hono';
import { type HttpServer, openHttpServer } from '../contract/http-server.ts';

/** The source of the answers for the probes and the scraper. */
export type HealthSource = {
  /** Returns why the worker takes no tasks, or `null` while it takes tasks. */
  whyNotReady: () => string | null;
  metrics: () => Promise<{ contentType: string; text: string }>;
};

/** The probes of a running worker. */
export type HealthServer = Pick<HttpServer, 'url' | 'close'>;

const SETTINGS = {
  host: 'worker.health_host (ERRAND_HEALTH_HOST)',
  port: 'worker.health_port (ERRAND_HEALTH_PORT)',
};

/**
 * Serves `/healthz`, `/readyz` and `/metrics`.
 *
 * The liveness probe only shows that the event loop runs. It does not ask Redis: otherwise an outage of Redis would
 * restart every worker.
 *
 * @throws ErrandError `ADDRESS_IN_USE`; `CONFIG_INVALID` if it cannot listen for another reason.
 */
export async function serveHealth(source: HealthSource, host: string, port: number): Promise<HealthServer> {
  const app = new Hono();
  app.get('/healthz', (context) => context.text('ok\n'));
  app.get('/readyz', () => {
    const why = source.whyNotReady();
    // Hono is not used here: it copies inherited fields of a polluted prototype into the headers, and then fails.
    return new Response(`${why ?? 'ready'}\n`, { status: why === null ? 200 : 503 });
  });
  // Concurrent requests share one scrape, because each scrape reads from Redis.
  let scraping: ReturnType<HealthSource['metrics']> | undefined;
  app.get('/metrics', async (context) => {
    scraping ??= source.metrics().finally(() => {
      scraping = undefined;
    });
    const { contentType, text } = await scraping;
    return context.body(text, 200, { 'content-type': contentType });
  });
  const at = { what: 'health server', host, port, settings: SETTINGS };
  return openHttpServer(getRequestListener(app.fetch, { hostname: host }), at, { maxConnections: 512 });
}
