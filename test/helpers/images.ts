import type { ToolImage } from '../../src/contract/tool-image.ts';

/** The first bytes of each type of image. */
const HEADS: Record<ToolImage['type'], number[]> = {
  'image/png': [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a],
  'image/jpeg': [0xff, 0xd8, 0xff, 0xe0],
  'image/gif': [...Buffer.from('GIF89a')],
  'image/webp': [...Buffer.from('RIFF\0\0\0\0WEBP')],
};

/** An image whose first bytes fit its type. `bytes`: its size. */
export function anImage(type: ToolImage['type'], bytes = 64): ToolImage {
  const head = Buffer.from(HEADS[type]);
  return { type, data: Buffer.concat([head, Buffer.alloc(bytes - head.length, 7)]).toString('base64') };
}
