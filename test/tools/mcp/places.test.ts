import { expect, test } from 'vitest';
import { Places } from '../../../src/tools/mcp/places.ts';

const { signal } = new AbortController();

test('places are given in order, and an abort leaves the queue', async () => {
  const places = new Places(1);
  const free = await places.take('a', signal);
  const leaving = new AbortController();
  const left = places.take('b', leaving.signal);
  const next = places.take('c', signal);
  leaving.abort(new Error('left'));
  await expect(left).rejects.toThrow('left');
  free();
  free();
  (await next)();
  (await places.take('d', signal))();
});

test('if all owners of places wait for another one, the last one is refused', async () => {
  const places = new Places(2);
  const frees = [await places.take('a', signal), await places.take('b', signal)];
  const waiting = places.take('a', signal);
  await expect(places.take('b', signal)).rejects.toThrow('mcp.max_processes');
  frees[1]?.();
  (await waiting)();
});

test('a wait for a shared server is refused if it needs a place of the waiting attempt', async () => {
  const places = new Places(1);
  const free = await places.take('a', signal);
  const askers = new Set(['b']);
  const wanted: number[] = [];
  places.onWanted(() => wanted.push(places.waiting));
  const waiting = places.take('shared', signal, askers);
  places.assertMoves();
  askers.add('a');
  expect(() => places.assertMoves()).toThrow('mcp.max_processes');
  expect(wanted).toEqual([1]);
  free();
  (await waiting)();
  expect(places.waiting).toBe(0);
});
