/** The maximum size of each of the two kept parts. Both fit into one result of a tool. */
const KEPT_BYTES = 24 * 1024;

/** The output of a command. Keeps its first and last 24 KiB, so that no command fills the memory of the worker. */
export class Output {
  #head = Buffer.alloc(0);
  #tail = Buffer.alloc(0);
  #bytes = 0;

  /** The size of all output so far. */
  get bytes(): number {
    return this.#bytes;
  }

  add(chunk: Buffer): void {
    this.#bytes += chunk.length;
    const room = KEPT_BYTES - this.#head.length;
    if (room > 0) this.#head = Buffer.concat([this.#head, chunk.subarray(0, room)]);
    if (chunk.length > room) this.#tail = Buffer.concat([this.#tail, chunk.subarray(room)]).subarray(-KEPT_BYTES);
  }

  /** The kept output, with a note in place of the rest. Each byte that is not UTF-8 is a `?`. */
  get text(): string {
    const left = this.#bytes - this.#head.length - this.#tail.length;
    if (left > 0) return `${decoded(this.#head)}\n[${left} bytes are left out here]\n${decoded(this.#tail)}`;
    // A character may begin in one part and end in the other.
    return decoded(Buffer.concat([this.#head, this.#tail]));
  }
}

/** The decoder puts three bytes in place of one. The text would pass the size of a result, and its end would be cut. */
function decoded(bytes: Buffer): string {
  return bytes.toString('utf8').replaceAll('\uFFFD', '?');
}
