/** Things that were opened one upon the other, to be closed in reverse. */
export class Disposables {
  readonly #closers: (() => Promise<void>)[] = [];

  /** Keeps what was opened, with how to close it, and hands it on. */
  add<T>(thing: T, close: (thing: T) => Promise<void>): T {
    this.#closers.push(() => close(thing));
    return thing;
  }

  /** Closes everything, the last first, also where closing one of them fails; then throws the first failure. */
  async close(): Promise<void> {
    const failures: unknown[] = [];
    for (const close of this.#closers.splice(0).reverse())
      await close().catch((error: unknown) => failures.push(error));
    if (failures.length > 0) throw failures[0];
  }
}
