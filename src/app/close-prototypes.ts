/** Built-in prototypes that are frozen: no property may be added, changed or removed. */
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
 * Built-in prototypes that are sealed: no property may be added. Existing properties can be changed, because libraries
 * assign `name` and `message` to errors and `toString` to functions. If the prototype is frozen, such an assignment
 * fails on every object that inherits from it.
 */
const SEALED: object[] = [Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError, Function].map(
  ({ prototype }) => prototype as object,
);

/**
 * Closes the prototypes of this process permanently. Data from a provider, a tool or a job can then change no shared
 * object, even if our code or a library merges it carelessly. Call it only in a process that runs nothing but Errand.
 *
 * All dependencies were tested with this, over the three wires with tools, metrics and drain. `Object.prototype` loses
 * `__proto__`, which nearly all such merges use, and accepts no new field. Its methods cannot be replaced; objects may
 * still define their own methods with these names.
 */
export function closePrototypes(): void {
  Reflect.deleteProperty(Object.prototype, '__proto__');
  for (const name of Reflect.ownKeys(Object.prototype)) letOnlyHeirsAssign(name);
  Object.freeze(Object.prototype);
  for (const prototype of FROZEN) Object.freeze(prototype);
  for (const prototype of SEALED) Object.seal(prototype);
}

/**
 * Makes a property of `Object.prototype` an accessor: an assignment changes only the object that it names. With a plain
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
