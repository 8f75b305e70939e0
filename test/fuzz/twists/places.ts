import type { Stream, WireEvent } from '../streams/stream.ts';
import { pick } from './twist.ts';

/** An object or a list in an event, and the way to it. */
export type Place = { node: Record<string, unknown>; path: string[] };

/** Tells whether JSON has fields. */
export function isNode(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

/** Every object and list in some JSON, outermost first. */
export function placesIn(data: unknown, path: string[] = []): Place[] {
  if (!isNode(data)) return [];
  const inside = Object.entries(data).flatMap(([key, value]) => placesIn(value, [...path, key]));
  return [{ node: data, path }, ...inside];
}

/** One of the events that are JSON. */
export function eventAt({ events }: Stream, at: number): WireEvent | undefined {
  return pick(
    events.filter(({ data }) => isNode(data)),
    at,
  );
}

/** Sets an own property of any name to a copy of the value, so that a value in two places cannot contain itself. */
export function define(node: Record<string, unknown>, key: string, value: unknown): void {
  Object.defineProperty(node, key, {
    value: structuredClone(value),
    enumerable: true,
    configurable: true,
    writable: true,
  });
}
