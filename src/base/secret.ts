import { inspect } from 'node:util';

const MASK = '[secret]';

/**
 * A secret value that prints as `[secret]` in every form: string, JSON, inspect, template.
 *
 * The value leaves only through {@link Secret.reveal}; the architecture test lists the few files that may call it.
 */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  /** Returns the value itself. Only for the call that sends it. */
  reveal(): string {
    return this.#value;
  }

  /** Tells whether both hold the same value. */
  equals(other: Secret): boolean {
    return this.#value === other.#value;
  }

  toString(): string {
    return MASK;
  }

  toJSON(): string {
    return MASK;
  }

  [inspect.custom](): string {
    return MASK;
  }
}

/**
 * Replaces known secret values in text on its way out of the process: log lines, records, error messages.
 *
 * Masks each value that was passed to {@link Redactor.watch}, in plain, URL-encoded, base64 and JSON-escaped form.
 * Values under six characters are not masked, because they also occur in ordinary text.
 */
export class Redactor {
  #needles: readonly string[] = [];

  /** Masks this secret from now on. */
  watch(secret: Secret): void {
    const value = secret.reveal();
    if (value.length < 6) return;
    const forms = [
      value,
      encodeURIComponent(value),
      JSON.stringify(value).slice(1, -1),
      Buffer.from(value).toString('base64').replace(/=+$/, ''),
    ];
    // Longest first: if one value is the beginning of another, the longer one is masked whole.
    this.#needles = [...new Set([...this.#needles, ...forms])].sort((a, b) => b.length - a.length);
  }

  /** Tells whether a watched value is in the text. */
  isIn(text: string): boolean {
    for (const needle of this.#needles) if (text.includes(needle)) return true;
    return false;
  }

  /** Returns the text with every watched value masked. */
  scrub(text: string): string {
    let clean = text;
    for (const needle of this.#needles) if (clean.includes(needle)) clean = clean.replaceAll(needle, MASK);
    return clean;
  }
}
