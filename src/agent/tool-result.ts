import { isObject, wordOf } from '../base/foreign.ts';
import { byteLength, clip, counted, cut, cutBytes, quoted } from '../base/text.ts';
import type { ToolResult } from '../contract/checkpoint.ts';
import { IMAGE_TYPES, type ToolImage } from '../contract/tool-image.ts';
import type { ToolReply } from './tool-reply.ts';

/** The maximum size of the text of a tool result, in UTF-8 bytes. A longer text is cut, with a note. */
export const RESULT_BYTES = 64 * 1024;

/**
 * The maximum size of the tool results of one turn in its checkpoint, with their images, in bytes of JSON. The reply
 * takes up to 3 MiB more.
 */
const TURN_BYTES = 768 * 1024;

/** The maximum number of images in the tool results of one turn. */
export const TURN_IMAGES = 16;

/** The maximum size of one image, in characters of base64: 384 KiB of data. */
const IMAGE_CHARS = 512 * 1024;

/** The first bytes of each type of image, in hexadecimal. */
const SIGNATURES: Record<ToolImage['type'], RegExp> = {
  'image/png': /^89504e470d0a1a0a/,
  'image/jpeg': /^ffd8ff/,
  'image/gif': /^47494638(37|39)61/,
  'image/webp': /^52494646.{8}57454250/,
};

/**
 * Returns the result of a call for the model: the text, cut to 64 KiB of UTF-8, and the images.
 * @throws Error for an image that providers refuse. It may come from a program without types.
 */
export function resultOf(callId: string, { text, images, isError }: ToolReply): ToolResult {
  const result = { call_id: callId, text: limited(String(text)), is_error: isError === true };
  if (!Array.isArray(images)) throw new Error('expected images as an array');
  if (images.length > TURN_IMAGES) throw new Error(`expected at most ${TURN_IMAGES} images, got ${images.length}`);
  return images.length === 0 ? result : { ...result, images: images.map(imageOf) };
}

function limited(text: string): string {
  const bytes = byteLength(text);
  if (bytes <= RESULT_BYTES) return text.toWellFormed();
  const note = `\n[truncated; the full result has ${bytes} bytes]`;
  return `${cutBytes(text, RESULT_BYTES - note.length)}${note}`;
}

function imageOf(image: unknown, at: number): ToolImage {
  const type = IMAGE_TYPES.find((known) => known === wordOf(image, 'type'));
  const data = wordOf(image, 'data');
  const problem = (expected: string) => new Error(`images[${at}]: expected ${expected}`);
  if (!isObject(image) || !type)
    throw problem(`the type ${IMAGE_TYPES.join(', ')}, got ${quoted(wordOf(image, 'type'))}`);
  if (data.length > IMAGE_CHARS) throw problem(`at most ${IMAGE_CHARS} characters of base64, got ${data.length}`);
  if (data.length % 4 > 0 || !/^[A-Za-z0-9+/]+={0,2}$/.test(data)) throw problem('data in base64, with its padding');
  const head = Buffer.from(data.slice(0, 24), 'base64').toString('hex');
  if (!SIGNATURES[type].test(head)) throw problem(`data of the type ${type}; its first bytes are of another type`);
  return { type, data };
}

/**
 * Makes the results of one turn fit into a checkpoint: cuts the longest texts, then leaves out the images that have no
 * room, with a note for the model. Returns results that fit unchanged.
 */
export function fitResults(results: ToolResult[]): ToolResult[] {
  const texts = results.map(({ text }) => jsonBytes(text));
  const images = results.flatMap((result) => result.images ?? []);
  const imageBytes = images.reduce((sum, { data }) => sum + data.length, 0);
  if (images.length <= TURN_IMAGES && sumOf(texts) + imageBytes <= TURN_BYTES) return results;
  return fitImages(sumOf(texts) <= TURN_BYTES ? results : fitTexts(results, texts));
}

function fitTexts(results: ToolResult[], sizes: readonly number[]): ToolResult[] {
  const share = Math.floor(TURN_BYTES / results.length);
  return results.map((result, at) => {
    const size = sizes[at] ?? 0;
    return size <= share ? result : { ...result, text: cutTo(result.text, share, size) };
  });
}

function cutTo(text: string, share: number, size: number): string {
  const note = `\n[truncated to fit beside the results of other calls; the full result has ${byteLength(text)} bytes]`;
  const max = share - note.length - 4;
  let kept = cut(text, Math.floor((text.length * max) / size));
  while (jsonBytes(kept) > max) kept = clip(kept, Math.floor(kept.length * 0.8));
  return `${kept}${note}`;
}

function fitImages(results: ToolResult[]): ToolResult[] {
  let bytes = TURN_BYTES - sumOf(results.map(({ text }) => jsonBytes(text)));
  let count = TURN_IMAGES;
  return results.map((result) => {
    const { images: given = [], ...rest } = result;
    const images = given.filter(({ data }) => {
      if (count === 0 || data.length > bytes) return false;
      bytes -= data.length;
      count -= 1;
      return true;
    });
    if (images.length === given.length) return result;
    const text = `${rest.text}\n[${counted(given.length - images.length, 'image')} left out: the results of one turn hold at most ${TURN_IMAGES} images and ${TURN_BYTES} bytes]`;
    return images.length === 0 ? { ...rest, text } : { ...rest, text, images };
  });
}

function sumOf(sizes: readonly number[]): number {
  return sizes.reduce((sum, size) => sum + size, 0);
}

function jsonBytes(text: string): number {
  return byteLength(JSON.stringify(text));
}
