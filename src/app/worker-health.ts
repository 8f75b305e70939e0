import type { Consumer } from '../queue/consumer.ts';
import { whyUnreadable } from '../worker/self-check.ts';
import type { Disposables } from './disposables.ts';
import { type HealthServer, type HealthSource, serveHealth } from './health-server.ts';
import type { WorkerBase } from './open-worker.ts';
import { scrape } from './scrape.ts';

/** The source for the probes and the scraper of a worker. A worker without a consumer is starting. */
export class WorkerHealth implements HealthSource {
  readonly #base: WorkerBase;
  #consumer: Consumer | undefined;

  constructor(base: WorkerBase) {
    this.#base = base;
  }

  /** Notes that the worker takes tasks from now on. */
  takes(consumer: Consumer): void {
    this.#consumer = consumer;
  }

  /** Returns why the worker takes no tasks, or `null` while it takes tasks. */
  whyNotReady(): string | null {
    if (!this.#consumer) return 'starting';
    if (!this.#consumer.isTaking) return 'draining';
    return this.#base.redisHealth.whyNot ?? whyUnreadable();
  }

  /** Collects the metrics; if Redis is unavailable, only the metrics of this process. */
  metrics(): Promise<{ contentType: string; text: string }> {
    const { metrics, mcp, redisHealth, workers } = this.#base;
    return scrape(metrics, mcp, redisHealth.whyNot === null ? { workers, lanes: this.#consumer } : null);
  }
}

/** Serves the probes and metrics of a worker. @throws ErrandError as {@link serveHealth}. */
export async function serveWorkerHealth(
  source: WorkerHealth,
  { config }: WorkerBase,
  opened: Disposables,
): Promise<HealthServer> {
  const { health_host: host, health_port: port } = config.worker;
  return opened.add(await serveHealth(source, host, port), (server) => server.close());
}
