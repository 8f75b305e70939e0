import { STATUS_CODES } from 'node:http';
import type { Readable } from 'node:stream';
import { ToolReply } from '../../agent/tool-reply.ts';
import { IMAGE_TYPES } from '../../contract/tool-image.ts';
import type { OutboundAnswer } from '../../outbound/outbound.ts';

/** The maximum size of a text for the model: with the lines above it, it fits into the result of a tool. */
const MAX_TEXT_BYTES = 60 * 1024;
/** The maximum size of an image. */
const MAX_IMAGE_BYTES = 1024 * 1024;

const TEXT_TYPES = /^(text\/.+|application\/(.+\+)?(json|xml|yaml|x-ndjson|javascript|x-www-form-urlencoded))$/;

/**
 * Makes the reply for the model: the status, the type, and the body if it is text or an image. It reads no more of the
 * body than it returns, however large the body is.
 * @throws Error, for the model to read, for an image that is too large.
 */
export async function replyTo({ url, status, headers, body }: OutboundAnswer): Promise<ToolReply> {
  const given = headers['content-type'] ?? '';
  const [type = ''] = given
    .toLowerCase()
    .split(';')
    .map((part) => part.trim());
  const head = [
    `HTTP ${status} ${STATUS_CODES[status] ?? ''}`.trim(),
    `url: ${url}`,
    `content-type: ${type || 'none'}`,
  ];
  const isError = status >= 400;
  const reply = (text: string) => new ToolReply({ text: [...head, '', text].join('\n'), isError });
  const image = IMAGE_TYPES.find((name) => name === type);
  if (image !== undefined) {
    const { bytes, isWhole } = await readUpTo(body, MAX_IMAGE_BYTES);
    if (!isWhole) throw new Error(`the image has more than ${MAX_IMAGE_BYTES} bytes`);
    const images = [{ type: image, data: bytes.toString('base64') }];
    return new ToolReply({ text: [...head, `${bytes.length} bytes`].join('\n'), images, isError });
  }
  if (type !== '' && !TEXT_TYPES.test(type)) return reply(NOT_TEXT);
  const { bytes, isWhole } = await readUpTo(body, MAX_TEXT_BYTES);
  if (bytes.includes(0) && type === '') return reply(NOT_TEXT);
  const text = decoded(bytes, given, isWhole);
  return reply(isWhole ? text : `${text}\n[cut after ${MAX_TEXT_BYTES} bytes; the rest was not read]`);
}

const NOT_TEXT = '[the body was not read: it is neither text, JSON, nor an image]';

async function readUpTo(body: Readable, max: number): Promise<{ bytes: Buffer; isWhole: boolean }> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of body) {
    parts.push(part);
    size += part.length;
    if (size > max) return { bytes: Buffer.concat(parts).subarray(0, max), isWhole: false };
  }
  return { bytes: Buffer.concat(parts), isWhole: true };
}

/** Decodes text by the charset that the server names, or as UTF-8. Half a character at a cut is left out. */
function decoded(bytes: Buffer, type: string, isWhole: boolean): string {
  const [, charset = 'utf-8'] = /;\s*charset="?([\w.:-]{1,40})/i.exec(type) ?? [];
  const names = ['utf-8', 'utf8', 'us-ascii', 'iso-8859-1', 'latin1', 'windows-1252', 'utf-16le'];
  const known = names.includes(charset.toLowerCase()) ? charset : 'utf-8';
  return new TextDecoder(known).decode(bytes, { stream: !isWhole });
}
