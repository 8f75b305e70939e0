/** Opened things, which are closed in reverse order. */
export class Disposables {
  readonly #closers: (() => Promise<void>)[] = [];

  /** Stores an opened thing with the function that closes it. Returns the thing. */
  add<T>(thing: T, close: (thing: T) => Promise<void>): T {
    this.#closers.push(() => close(thing));
    return thing;
  }

  /** Closes everything, the last opened first, even if one of them fails. Then throws the first failure. */
  async close(): Promise<void> {
    const failures: unknown[] = [];
    for (const close of this.#closers.splice(0).reverse())
      await close().catch((error: unknown) => failures.push(error));
    if (failures.length > 0) throw failures[0];
  }
}
