import fc from 'fast-check';

/** Every own name of the prototype that all objects share, and other names that a careless merge follows. */
export const HOSTILE_KEYS: readonly string[] = [
  ...Object.getOwnPropertyNames(Object.prototype),
  'prototype',
  'then',
  'toJSON',
  'length',
];

/** Invalid positions, and positions that only a careless list accepts. */
export const HOSTILE_POSITIONS: readonly unknown[] = [
  -1,
  0.5,
  4_294_967_294,
  4_000_000_000,
  1_234_567_890,
  9_999_999_999,
  1e300,
  2 ** 53 + 2,
  1024,
  '0',
  'length',
  '__proto__',
  'constructor',
  null,
  {},
  [],
  true,
];

/** Invalid numbers, and numbers that no account can have been billed for. */
export const HOSTILE_FIGURES: readonly unknown[] = [
  -1,
  0.5,
  1e300,
  2 ** 53 + 2,
  Number.MAX_SAFE_INTEGER,
  'NaN',
  '12',
  'many',
  null,
  {},
  [7],
  true,
];

const deep = fc.integer({ min: 1, max: 100 }).map((levels) => {
  let value: unknown = 'deep';
  for (let level = 0; level < levels; level++) value = level % 2 === 0 ? [value] : { content: value };
  return value;
});

/** JSON of every type that careless code can mistake for something else. */
export const hostileValues: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom<unknown>(...HOSTILE_POSITIONS, ...HOSTILE_FIGURES),
  fc.constantFrom<unknown>('', ' ', '\ud83d', '\udc00x', 'undefined', '[object Object]', '../../etc', 'a'.repeat(300)),
  fc.constantFrom<unknown>([null], [[]], [{}], { type: 'text' }, { type: null }, { index: -1 }),
  fc.constantFrom<unknown>(...HOSTILE_KEYS.map((key) => ({ [key]: { polluted: 'yes' } }))),
  fc.jsonValue({ maxDepth: 3 }),
  deep,
);
