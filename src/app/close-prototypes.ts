/** Built-in prototypes of which no property may be added, changed or removed. */
const FROZEN: object[] = [
  Array,
  ArrayBuffer,
  BigInt,
  Boolean,
  Date,
  DataView,
  Map,
  Number,
  Promise,
  RegExp,
  Set,
  String,
  Symbol,
  URL,
  URLSearchParams,
  WeakMap,
  WeakSet,
].map(({ prototype }) => prototype);

/**
 * Built-in prototypes to which nothing may be added. What they have can be changed: libraries assign `name` and `message`
 * to errors and `toString` to functions, and an assignment to what a frozen prototype has fails on every object below it.
 */
const SEALED: object[] = [Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError, Function].map(
  ({ prototype }) => prototype as object,
);

/**
 * Closes the prototypes of this process for good: what a provider, a tool or a job says can change no object but its own,
 * even if a reader of ours or of a library merges it carelessly. For a process that is Errand's alone.
 *
 * The strongest form that all dependencies were seen to work with, over the three wires with tools, metrics and drain:
 * `Object.prototype` loses `__proto__`, the way in of nearly all such merges, and accepts no other field. Its methods
 * cannot be replaced on it; objects may still have methods of their own under these names.
 */
export function closePrototypes(): void {
  Reflect.deleteProperty(Object.prototype, '__proto__');
  for (const name of Reflect.ownKeys(Object.prototype)) letOnlyHeirsAssign(name);
  Object.freeze(Object.prototype);
  for (const prototype of FROZEN) Object.freeze(prototype);
  for (const prototype of SEALED) Object.seal(prototype);
}

/**
 * Makes a property of `Object.prototype` that an assignment changes for the object that is assigned to alone. With a plain
 * frozen property, `object.toString = …` would fail on every object.
 */
function letOnlyHeirsAssign(name: string | symbol): void {
  const { value, enumerable } = Object.getOwnPropertyDescriptor(Object.prototype, name) ?? {};
  if (typeof value !== 'function') return;
  Object.defineProperty(Object.prototype, name, {
    enumerable: enumerable ?? false,
    configurable: false,
    get: () => value,
    set(this: object, own: unknown) {
      if (this === Object.prototype) throw new TypeError(`cannot change ${String(name)} of Object.prototype`);
      Object.defineProperty(this, name, { value: own, enumerable: true, configurable: true, writable: true });
    },
  });
}
