type Entry<T> = { parts: readonly string[]; literals: number; value: T };

/** Values by name or pattern, in which `*` matches any characters. The most specific entry decides about a name. */
export class NamePatterns<T> {
  readonly #entries: readonly Entry<T>[];

  /**
   * A name wins over a pattern, and a pattern with more characters beside `*` over one with fewer. If both have as
   * many, the value that comes first in `strictest` wins.
   */
  constructor(values: Readonly<Record<string, T>>, strictest: readonly T[]) {
    const entries = Object.entries(values).map(([pattern, value]): Entry<T> => {
      const parts = pattern.split('*');
      return { parts, literals: parts.length === 1 ? Number.POSITIVE_INFINITY : parts.join('').length, value };
    });
    const rank = ({ value }: Entry<T>) => strictest.indexOf(value);
    this.#entries = entries.sort((a, b) => rank(a) - rank(b)).sort(bySpecificity);
  }

  /** Returns the value for a name; `undefined` if no entry matches. */
  find(name: string): T | undefined {
    return this.#entries.find(({ parts }) => matches(parts, name))?.value;
  }
}

function bySpecificity(a: Entry<unknown>, b: Entry<unknown>): number {
  return a.literals === b.literals ? 0 : b.literals - a.literals;
}

/**
 * Whether a name consists of the parts with any characters between them. Takes the first place of each part, so it
 * never goes back: the time grows with the length of the name only.
 */
function matches([first = '', ...others]: readonly string[], name: string): boolean {
  const last = others.pop();
  if (last === undefined) return name === first;
  if (!name.startsWith(first)) return false;
  let from = first.length;
  for (const part of others) {
    const at = name.indexOf(part, from);
    if (at < 0) return false;
    from = at + part.length;
  }
  return name.length - from >= last.length && name.endsWith(last);
}
