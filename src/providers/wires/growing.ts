import { isObject } from '../../base/foreign.ts';
import { placeOf } from './reply-limits.ts';

/** A part of a reply while it grows. It inherits nothing, so that no field name has a special meaning. */
export type Growing = Record<string, unknown>;

/** Makes an empty part, or a part with the fields of a piece. */
export function newGrowing(fields: Readonly<Record<string, unknown>> = {}): Growing {
  return Object.assign(Object.create(null), fields);
}

/** Copies a piece of JSON into an object that can grow. */
export function grown(piece: unknown): unknown {
  if (Array.isArray(piece)) return piece.map(grown);
  if (!isObject(piece)) return piece;
  return newGrowing(Object.fromEntries(Object.entries(piece).map(([name, field]) => [name, grown(field)])));
}

/**
 * A list that a provider orders by its own index. Several items may have the same index, because some servers use one index
 * for all items. Gaps cost nothing.
 */
export class Places<T> {
  readonly #all: T[] = [];
  readonly #byPlace = new Map<number, T[]>();
  #lastPlace = 0;

  /** Adds an item at a place; without a place, after the last item. */
  add(sent: unknown, value: T): T {
    this.#lastPlace = placeOf(sent) ?? this.#lastPlace;
    const here = this.#byPlace.get(this.#lastPlace);
    if (here) here.push(value);
    else this.#byPlace.set(this.#lastPlace, [value]);
    this.#all.push(value);
    return value;
  }

  /** The items at a place, in order of arrival; all items if the provider sent no place. */
  at(sent: unknown): readonly T[] {
    const place = placeOf(sent);
    return place === undefined ? this.#all : (this.#byPlace.get(place) ?? []);
  }

  /** All items, in order. */
  get ordered(): T[] {
    return [...this.#byPlace].toSorted(([a], [b]) => a - b).flatMap(([, values]) => values);
  }
}
