import { typeOf } from '../contract/plain-json.ts';
import type { ToolImage } from '../contract/tool-image.ts';
import { messageOf } from '../errors.ts';

const BRAND = Symbol.for('errand.tool_reply');

/** A value that JSON can carry. */
export type JsonValue =
  | string
  | number
  | boolean
  | null
  | readonly JsonValue[]
  | { readonly [name: string]: JsonValue | undefined };

/** The fields of a {@link ToolReply}. */
export type ToolReplyFields = { text?: string; images?: readonly ToolImage[]; isError?: boolean };

/**
 * The reply of a tool with images, or with an error that the tool reports itself. A tool that returns text or JSON
 * needs none.
 */
export class ToolReply {
  /** Recognised in every copy of the package, because a module of tools may load its own. */
  readonly [BRAND] = true;
  readonly text: string;
  readonly images: readonly ToolImage[];
  /** Whether the model reads the reply as a failure of its call. */
  readonly isError: boolean;

  constructor({ text = '', images = [], isError = false }: ToolReplyFields) {
    this.text = text;
    this.images = images;
    this.isError = isError;
  }
}

/**
 * Returns what a tool returned as a reply: text unchanged, any other JSON value as JSON.
 * @throws Error for a value that JSON cannot carry. A tool of a program without types may return anything.
 */
export function replyOf(value: unknown): ToolReply {
  if (isReply(value)) return value;
  if (typeof value === 'string') return new ToolReply({ text: value });
  return new ToolReply({ text: jsonOf(value) });
}

function jsonOf(value: unknown): string {
  const expected = 'expected the tool to return text, JSON or a ToolReply';
  let text: string | undefined;
  try {
    text = JSON.stringify(value);
  } catch (error) {
    throw new Error(`${expected}: ${messageOf(error)}`, { cause: error });
  }
  if (text === undefined) throw new Error(`${expected}, got ${typeOf(value)}`);
  return text;
}

function isReply(value: unknown): value is ToolReply {
  return Reflect.get(Object(value), BRAND) === true;
}
