import type { Readable } from 'node:stream';

/**
 * Reads the stream to its end and keeps its last `maxBytes`, so that the writer never waits and never fills the memory.
 * Returns a function that returns the kept bytes as text.
 */
export function keepTail(stream: Readable, maxBytes: number): () => string {
  let tail = Buffer.alloc(0);
  stream.on('data', (chunk: Buffer) => {
    tail = Buffer.concat([tail, chunk]).subarray(-maxBytes);
  });
  return () => tail.toString('utf8');
}
