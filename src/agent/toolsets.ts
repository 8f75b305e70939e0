import type { ToolDefinition } from '../providers/model.ts';
import type { ResourceKind } from './resource.ts';
import type { Toolset } from './toolset.ts';

/** The toolsets of a worker: the built-in toolsets, and the toolsets of the program that starts the worker. */
export class Toolsets {
  readonly #byName: ReadonlyMap<string, Toolset>;
  /** The kinds of resources of the built-in toolsets. */
  readonly builtInKinds: readonly ResourceKind[];
  /** The names of the other toolsets, and the kinds of their resources. */
  readonly ownNames: readonly string[];
  readonly ownKinds: readonly ResourceKind[];

  /** @param own toolsets that pass `problemsOfToolsets` */
  constructor(builtIn: readonly Toolset[], own: readonly Toolset[] = []) {
    this.#byName = new Map([...builtIn, ...own].map((toolset) => [toolset.name, toolset]));
    this.builtInKinds = builtIn.flatMap(({ resources }) => resources);
    this.ownNames = own.map(({ name }) => name);
    this.ownKinds = own.flatMap(({ resources }) => resources);
  }

  get names(): string[] {
    return [...this.#byName.keys()];
  }

  /**
   * Returns the toolsets with these names and the toolsets that they require, each once, a required one before the one
   * that requires it. Ignores unknown names.
   */
  named(names: readonly string[] = []): Toolset[] {
    return this.#withRequired(names).flatMap((name) => this.#byName.get(name) ?? []);
  }

  /** Returns the names without a toolset, also of toolsets that another one requires. */
  lacking(names: readonly string[] = []): string[] {
    return this.#withRequired(names).filter((name) => !this.#byName.has(name));
  }

  #withRequired(names: readonly string[]): string[] {
    const found: string[] = [];
    // Toolsets of a program may require each other in a circle.
    const seen = new Set<string>();
    const add = (name: string) => {
      if (seen.has(name)) return;
      seen.add(name);
      for (const required of this.#byName.get(name)?.requires ?? []) add(required);
      found.push(name);
    };
    for (const name of names) add(name);
    return found;
  }

  /**
   * Returns the tool definitions of the named toolsets; `null` if a name is unknown, or if only `open` of a toolset
   * knows its tools.
   */
  definitionsOf(names: readonly string[] = []): ToolDefinition[] | null {
    const toolsets = this.named(names);
    if (this.lacking(names).length > 0 || toolsets.some(({ tools }) => tools === null)) return null;
    return toolsets.flatMap(({ tools }) => tools ?? []).map(({ definition }) => definition);
  }
}
