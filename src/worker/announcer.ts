import { repeat } from '../base/repeat.ts';
import { READER_VERSION } from '../contract/needs.ts';
import type { Announcements } from '../records/announcements.ts';

/** How often a worker announces its lanes: as often as its heartbeat. */
const ANNOUNCE_MS = 5_000;

/** The dependencies. `lanes`: the providers whose tasks the worker takes. `toolsets`: the names of its toolsets. */
export type AnnouncerDeps = {
  announcements: Announcements;
  instance: string;
  lanes: readonly string[];
  toolsets: readonly string[];
  onError: (error: unknown) => void;
};

/** Announces the lanes and toolsets of this worker until it stops. */
export class Announcer {
  readonly #deps: AnnouncerDeps;
  #lanes: readonly string[];
  #stopRepeating: (() => void) | undefined;

  constructor(deps: AnnouncerDeps) {
    this.#deps = deps;
    this.#lanes = deps.lanes;
  }

  /**
   * Announces at once and then every few seconds. Call it before the worker is registered: a registered worker without
   * an announcement counts as an earlier version, which may serve any lane.
   */
  async start(): Promise<void> {
    await this.#publish();
    this.#stopRepeating = repeat(ANNOUNCE_MS, () => this.#publish(), this.#deps.onError);
  }

  /** Announces that this worker takes no more tasks. */
  serveNothing(): void {
    this.#lanes = [];
    this.#publish().catch(this.#deps.onError);
  }

  /** Stops, and removes the announcement. */
  async stop(): Promise<void> {
    this.#stopRepeating?.();
    await this.#deps.announcements.withdraw(this.#deps.instance);
  }

  async #publish(): Promise<void> {
    const { announcements, instance, toolsets } = this.#deps;
    const served = { lanes: [...this.#lanes], toolsets: [...toolsets] };
    await announcements.publish(instance, { ...served, reader: READER_VERSION });
  }
}
