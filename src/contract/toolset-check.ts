import { quoted } from '../base/text.ts';
import { type Findings, joinPath } from './findings.ts';
import type { Spot } from './parse-tasks.ts';
import type { TaskSpec } from './task.ts';

/** The maximum number of different toolsets of one batch that are not built in. */
const MAX_NAMES = 100;
/** The maximum number of places that are remembered for each toolset. */
const MAX_PLACES = 100;

/**
 * Which toolsets live workers have. `no_worker`: no worker is alive. `not_asked`: the caller has no Redis to ask.
 */
export type ServedToolsets = { status: 'served'; names: readonly string[] } | { status: 'no_worker' | 'not_asked' };

/** The toolsets that every worker has, and a question about others, asked at most once for a batch. */
export type KnownToolsets = { builtIn: readonly string[]; served: () => Promise<ServedToolsets> };

/** Collects the toolsets of a batch that are not built in, and asks once whether workers have them. */
export class ToolsetCheck {
  readonly #known: KnownToolsets;
  readonly #places = new Map<string, Spot[]>();
  #tooMany: Spot | undefined;

  constructor(known: KnownToolsets) {
    this.#known = known;
  }

  /** Notes the toolsets of one task. */
  note({ toolsets = [] }: Pick<TaskSpec, 'toolsets'>, { at, index }: Spot): void {
    for (const [position, name] of toolsets.entries()) {
      if (this.#known.builtIn.includes(name)) continue;
      const place = { at: joinPath(at, `toolsets.${position}`), ...(index !== undefined && { index }) };
      const places = this.#places.get(name) ?? [];
      if (places.length < MAX_PLACES) places.push(place);
      if (this.#places.has(name) || this.#places.size < MAX_NAMES) this.#places.set(name, places);
      else this.#tooMany ??= place;
    }
  }

  /** Adds a problem for each place of a toolset that no live worker has, or a warning if no worker could be asked. */
  async report(findings: Findings): Promise<void> {
    if (this.#places.size === 0) return;
    const served = await this.#known.served();
    const { builtIn } = this.#known;
    const known = served.status === 'served' ? [...new Set([...builtIn, ...served.names])].sort() : builtIn;
    for (const [name, places] of this.#places) {
      if (known.includes(name)) continue;
      if (served.status !== 'served') findings.warn(`toolsets: ${quoted(name)} ${UNCHECKED[served.status]}`);
      else for (const { at, index } of places) findings.add(at, unknownToolset(name, known), index);
    }
    if (!this.#tooMany) return;
    const { at, index } = this.#tooMany;
    findings.add(at, `expected at most ${MAX_NAMES} different toolsets that are not built in`, index);
  }
}

/** The end of a warning about a toolset that is not built in. */
const UNCHECKED = {
  no_worker: 'was not checked, because no worker is alive; its tasks wait for a worker that has it',
  not_asked: 'is not built in; enqueue refuses it unless a live worker has it',
};

function unknownToolset(name: string, known: readonly string[]): string {
  return `no live worker has the toolset ${quoted(name)}; known: ${known.join(', ')}`;
}

/** Knows no toolset and asks no worker. */
export const NO_TOOLSETS: KnownToolsets = { builtIn: [], served: async () => ({ status: 'not_asked' }) };
