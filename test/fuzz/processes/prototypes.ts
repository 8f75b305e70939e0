/** The objects that all values of a process share. */
const SHARED: readonly object[] = [
  Object,
  Array,
  Function,
  String,
  Number,
  Boolean,
  Symbol,
  BigInt,
  Promise,
  Map,
  Set,
  WeakMap,
  RegExp,
  Date,
  Error,
  TypeError,
  RangeError,
  SyntaxError,
  Uint8Array,
  Buffer,
  URL,
  AbortSignal,
  Response,
  Headers,
].flatMap((made) => [made, made.prototype as object]);

const ROOTS: readonly object[] = [...SHARED, JSON, Math, Reflect];

type Snapshot = Map<object, PropertyDescriptorMap>;

/** Saves the shared objects, finds changes in them, and undoes the changes. */
export class Prototypes {
  readonly #before: Snapshot = new Map(ROOTS.map((root) => [root, Object.getOwnPropertyDescriptors(root)]));

  /** Returns the names that were added, changed or removed since, and undoes these changes. */
  restore(): string[] {
    return [...this.#before].flatMap(([root, before]) => restore(root, before));
  }
}

function labelOf(root: object): string {
  if (typeof root === 'function') return root.name;
  return `${root.constructor?.name ?? 'object'}.prototype`;
}

function isSame(a: PropertyDescriptor | undefined, b: PropertyDescriptor | undefined): boolean {
  return a !== undefined && b !== undefined && Object.is(a.value, b.value) && a.get === b.get && a.set === b.set;
}

function restore(root: object, before: PropertyDescriptorMap): string[] {
  const changed: string[] = [];
  for (const key of Reflect.ownKeys(root)) {
    const known = Object.hasOwn(before, key) ? before[key as string] : undefined;
    if (isSame(Reflect.getOwnPropertyDescriptor(root, key), known)) continue;
    changed.push(String(key));
    if (known === undefined) Reflect.deleteProperty(root, key);
    else Reflect.defineProperty(root, key, known);
  }
  for (const key of Reflect.ownKeys(before)) {
    if (Object.hasOwn(root, key)) continue;
    changed.push(String(key));
    Reflect.defineProperty(root, key, before[key as string] ?? {});
  }
  return changed.map((key) => `${labelOf(root)} "${key}"`);
}
