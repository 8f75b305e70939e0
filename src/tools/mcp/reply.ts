import type { CallToolResult, ContentBlock } from '@modelcontextprotocol/client';
import { ToolReply } from '../../agent/tool-reply.ts';
import { clip } from '../../base/text.ts';
import { IMAGE_TYPES, type ToolImage } from '../../contract/tool-image.ts';

const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;
const NAME_CHARS = 200;

/**
 * Returns the result of a tool of a server as a reply: its texts, its images, and a line for everything that a model
 * cannot read.
 */
export function replyOfResult({ content, structuredContent, isError }: CallToolResult): ToolReply {
  const texts: string[] = [];
  const images: ToolImage[] = [];
  for (const block of content) {
    const image = imageIn(block);
    if (image) images.push(image);
    else texts.push(textOf(block));
  }
  // Servers repeat structured content as text for clients that do not know it.
  const hasText = content.some(({ type }) => type === 'text');
  if (structuredContent !== undefined && !hasText) texts.push(JSON.stringify(structuredContent));
  return new ToolReply({ text: texts.join('\n'), images, isError: isError === true });
}

function imageIn(block: ContentBlock): ToolImage | null {
  if (block.type !== 'image' || !BASE64.test(block.data)) return null;
  const type = IMAGE_TYPES.find((known) => known === block.mimeType);
  return type ? { type, data: block.data } : null;
}

function textOf(block: ContentBlock): string {
  switch (block.type) {
    case 'text':
      return block.text;
    case 'resource_link':
      return `[resource ${clip(block.name, NAME_CHARS)}: ${block.uri}]`;
    case 'resource':
      return 'text' in block.resource ? block.resource.text : `[resource ${block.resource.uri}: not text]`;
    case 'image':
    case 'audio':
      return `[${block.type} of the type ${clip(block.mimeType, NAME_CHARS)}: cannot be shown]`;
  }
}
