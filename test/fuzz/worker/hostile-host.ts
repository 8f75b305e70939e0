import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import fc from 'fast-check';
import { Wire } from '../../../src/contract/route.ts';
import { cases, type Rendered, render } from '../case.ts';
import { transmit } from '../provider.ts';

/** The number of conversations drawn at a time. */
const DRAW = 50;

/** The turns of one conversation after the other, without end. The same seed draws the same turns. */
class Turns {
  readonly #wire: Wire;
  #seed: number;
  #drawn: Rendered[] = [];

  constructor(wire: Wire, seed: number) {
    this.#wire = wire;
    this.#seed = seed;
  }

  next(): Rendered {
    const [turn, ...left] = this.#drawn.length > 0 ? this.#drawn : this.#draw();
    this.#drawn = left;
    if (!turn) throw new Error('a conversation without turns');
    return turn;
  }

  #draw(): Rendered[] {
    return fc.sample(cases([this.#wire]), { seed: this.#seed++, numRuns: DRAW }).flatMap(render);
  }
}

/** A host that answers every request with the next hostile turn, on the wire at the start of the path. */
export class HostileHost {
  readonly #server: Server;
  /** The number of answers begun so far. */
  answers = 0;

  private constructor(seed: number) {
    const turns = new Map(Wire.options.map((wire) => [wire as string, new Turns(wire, seed)]));
    this.#server = createServer(async (req, res) => {
      res.on('error', () => {});
      const wire = turns.get(req.url?.split('/')[1] ?? '');
      await text(req).catch(() => '');
      if (!wire) return res.writeHead(404).end();
      this.answers++;
      await transmit(res, wire.next()).catch(() => res.destroy());
    });
  }

  /** Starts a host on a free port. */
  static async start(seed: number): Promise<HostileHost> {
    const host = new HostileHost(seed);
    await new Promise<void>((resolve) => host.#server.listen(0, '127.0.0.1', resolve));
    return host;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Closes every connection. */
  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
