import type { Readable } from 'node:stream';

/**
 * Reads the stream to its end and keeps the last `maxBytes` of it, so that its writer never waits and never fills the
 * memory. Returns how to look at what is kept, as text.
 */
export function keepTail(stream: Readable, maxBytes: number): () => string {
  let tail = Buffer.alloc(0);
  stream.on('data', (chunk: Buffer) => {
    tail = Buffer.concat([tail, chunk]).subarray(-maxBytes);
  });
  return () => tail.toString('utf8');
}
