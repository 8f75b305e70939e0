import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { monotonicMs, sleep } from '../../src/base/clock.ts';

/** Two ends of one connection. A mute link passes nothing on any more, and neither end hears of it. */
type Link = { client: Socket; upstream: Socket; isMute: boolean };

/** A TCP proxy on loopback that can delay, reset and swallow what passes through it. */
export class TcpProxy {
  readonly #server: Server;
  readonly #links = new Set<Link>();
  #delayMs = 0;
  #isBlackHole = false;

  private constructor(targetPort: number) {
    this.#server = createServer((client) => this.#link(client, connect(targetPort, '127.0.0.1')));
  }

  /** Starts a proxy in front of a loopback port. */
  static async start(targetPort: number): Promise<TcpProxy> {
    const proxy = new TcpProxy(targetPort);
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  get port(): number {
    const address = this.#server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }

  /** Delays what comes from now on, in both directions; 0 ends it. */
  slow(delayMs: number): void {
    this.#delayMs = delayMs;
  }

  /** Resets every connection. */
  cut(): void {
    for (const { client, upstream } of this.#links) {
      client.resetAndDestroy();
      upstream.resetAndDestroy();
    }
  }

  /**
   * Swallows everything, without a sign to either end. Connections that met the black hole stay mute after it, as they do
   * when a router has forgotten them; new ones pass again.
   */
  blackHole(isOn: boolean): void {
    this.#isBlackHole = isOn;
    if (isOn) for (const link of this.#links) link.isMute = true;
  }

  async close(): Promise<void> {
    this.cut();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #link(client: Socket, upstream: Socket): void {
    const link = { client, upstream, isMute: this.#isBlackHole };
    this.#links.add(link);
    this.#pass(link, client, upstream);
    this.#pass(link, upstream, client);
  }

  #pass(link: Link, from: Socket, to: Socket): void {
    // One chunk after the other, whatever each has to wait: timers of their own could overtake one another.
    let last = Promise.resolve();
    from.setNoDelay(true);
    from.on('data', (chunk) => {
      const dueMs = monotonicMs() + this.#delayMs;
      last = last.then(async () => {
        if (dueMs > monotonicMs()) await sleep(dueMs - monotonicMs());
        if (!link.isMute && to.writable) to.write(chunk);
      });
    });
    from.on('error', () => undefined);
    from.once('close', () => {
      // The worker behind a mute link must not hear that Redis went away; Redis may hear of the worker.
      if (link.isMute && from === link.upstream) return;
      to.destroy();
      this.#links.delete(link);
    });
  }
}
