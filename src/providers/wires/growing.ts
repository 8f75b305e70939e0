import { isObject } from '../../base/foreign.ts';
import { placeOf } from './reply-limits.ts';

/** A part of a reply while it grows. It inherits nothing, so that no name in it means anything but itself. */
export type Growing = Record<string, unknown>;

/** Makes an empty one, or one with the fields of a piece. */
export function newGrowing(fields: Readonly<Record<string, unknown>> = {}): Growing {
  return Object.assign(Object.create(null), fields);
}

/** Copies a piece of JSON so that it can grow. */
export function grown(piece: unknown): unknown {
  if (Array.isArray(piece)) return piece.map(grown);
  if (!isObject(piece)) return piece;
  return newGrowing(Object.fromEntries(Object.entries(piece).map(([name, field]) => [name, grown(field)])));
}

/**
 * What a provider puts in order by an index of its own. Several things may have one index, because some servers give all
 * of them the same; gaps cost nothing.
 */
export class Places<T> {
  readonly #all: T[] = [];
  readonly #byPlace = new Map<number, T[]>();
  #lastPlace = 0;

  /** Puts a thing at a place; without one, after the last. */
  add(sent: unknown, value: T): T {
    this.#lastPlace = placeOf(sent) ?? this.#lastPlace;
    const here = this.#byPlace.get(this.#lastPlace);
    if (here) here.push(value);
    else this.#byPlace.set(this.#lastPlace, [value]);
    this.#all.push(value);
    return value;
  }

  /** What is at a place, in the order it came; everything if the provider sent no place. */
  at(sent: unknown): readonly T[] {
    const place = placeOf(sent);
    return place === undefined ? this.#all : (this.#byPlace.get(place) ?? []);
  }

  /** Everything, in order. */
  get ordered(): T[] {
    return [...this.#byPlace].toSorted(([a], [b]) => a - b).flatMap(([, values]) => values);
  }
}
