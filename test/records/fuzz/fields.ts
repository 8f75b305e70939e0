import { define, placesIn } from '../../fuzz/twists/places.ts';
import type { Random } from '../../storm/random.ts';
import type { Canaries } from './canaries.ts';

const LARGE = 10 * 1024 * 1024;

/** Values that an attacker may write into a field of a record to reach beyond Redis. */
export function hostileFields(canaries: Canaries, workerPid: number): unknown[] {
  const { dir, link, pid, host } = canaries;
  return [
    dir,
    `${dir}/kept.txt`,
    '..',
    '../canary',
    '../../../../../../etc',
    link,
    '/',
    pid,
    String(pid),
    workerPid,
    1,
    -1,
    0,
    2 ** 53,
    1e300,
    `http://${host}/v1`,
    host,
    'file:///etc/passwd',
    '{other}:records:task:kept',
    '*',
    '',
    '\u0000',
    '__proto__',
    null,
    true,
    [],
    {},
    JSON.parse('{"__proto__":{"polluted":"yes"}}'),
    '2999-01-01T00:00:00.000Z',
  ];
}

/** A number between draws, or what is as large as no field is. */
export function hostileField(random: Random, fields: readonly unknown[]): unknown {
  return random.chance(0.03) ? 'x'.repeat(LARGE) : fields[random.whole(0, fields.length - 1)];
}

/** Parses JSON; `undefined` for any other text. */
export function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Sets or adds one field of the JSON in a text, or replaces the whole text. Returns which field. */
export function forge(text: string, random: Random, value: unknown): { text: string; field: string } {
  const json = jsonOf(text);
  const places = placesIn(json);
  const place = places[random.whole(0, Math.max(0, places.length - 1))];
  if (!place || random.chance(0.05))
    return { text: typeof value === 'string' ? value : JSON.stringify(value), field: 'all of it' };
  const keys = Object.keys(place.node);
  const key = keys.length === 0 || random.chance(0.1) ? 'added' : (keys[random.whole(0, keys.length - 1)] ?? 'added');
  place.node[key] = value;
  return { text: JSON.stringify(json), field: [...place.path, key].join('.') };
}

/** Sets a field at a path in JSON, and returns the JSON. Objects that are missing on the way are added. */
export function setIn(json: unknown, path: readonly string[], value: unknown): unknown {
  const [name, ...more] = path;
  if (name === undefined) return value;
  const node = (typeof json === 'object' && json !== null ? json : {}) as Record<string, unknown>;
  define(node, name, setIn(node[name], more, value));
  return node;
}
