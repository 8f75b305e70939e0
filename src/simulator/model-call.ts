import type { Wire } from '../contract/route.ts';
import { type PromptBytes, promptBytesOf } from './prompt-bytes.ts';

type Json = Record<string, unknown>;

/** A requested model call, in a form that all wires share. */
export type ModelCall = {
  wire: Wire;
  path: string;
  model: string;
  key: string | null;
  isStream: boolean;
  /** Whether the response continues after its connection ends; Responses only. */
  isBackground: boolean;
  /** The metadata to store with a background response. */
  metadata: Json;
  /** Whether a chat stream should end with a usage chunk. */
  wantsUsage: boolean;
  /**
   * The effort fields as received, by path: `reasoning.effort`, `reasoning_effort`, `output_config.effort`, `thinking`.
   */
  effort: Json;
  toolCount: number;
  maxOutputTokens: number | null;
  /** The text of each user message, in order. */
  userTexts: string[];
  /** 1 for the first question, plus 1 for each answer of the model in the request. */
  turn: number;
  /** Characters of the request body. */
  characters: number;
  /** The prompt as a cache sees it; `null` if it is too small for a cache. */
  prompt: PromptBytes | null;
};

/** The effort fields of all wires. */
const EFFORT_FIELDS = [
  ['reasoning', 'effort'],
  ['reasoning_effort'],
  ['output_config', 'effort'],
  ['thinking'],
] as const;

/** The models of OpenAI that do not reason. */
const DOES_NOT_REASON = /^(gpt-3|gpt-4|chatgpt-4o|gpt-5(\.\d)?-chat)/;

/** The minimum of `max_output_tokens` that the Responses API accepts. */
const MIN_OUTPUT_TOKENS = 16;

const LIMIT_FIELDS = ['max_output_tokens', 'max_completion_tokens', 'max_tokens'];

function asObject(value: unknown): Json {
  return typeof value === 'object' && value !== null ? (value as Json) : {};
}

function readEffort(body: Json): Json {
  const effort: Json = {};
  for (const [field, inner] of EFFORT_FIELDS) {
    const value = inner === undefined ? body[field] : asObject(body[field])[inner];
    if (value !== undefined) effort[inner === undefined ? field : `${field}.${inner}`] = value;
  }
  return effort;
}

function textOf(content: unknown): string {
  if (typeof content === 'string') return content;
  if (!Array.isArray(content)) return '';
  const texts = content.map(asObject).filter(({ type }) => type === 'text' || type === 'input_text');
  return texts.map(({ text }) => text).join('');
}

/**
 * Items of the Responses wire without a role are calls, results or reasoning. The type of a result ends in `_output`.
 */
function roleOf(item: Json): unknown {
  return item.role ?? (String(item.type).endsWith('_output') ? 'tool' : 'assistant');
}

function readConversation(items: Json[]): Pick<ModelCall, 'userTexts' | 'turn'> {
  const userTexts: string[] = [];
  let turn = 1;
  let isAnswering = false;
  for (const item of items) {
    const role = roleOf(item);
    if (role === 'assistant' && !isAnswering) turn++;
    isAnswering = role === 'assistant';
    const text = role === 'user' ? textOf(item.content) : '';
    if (text !== '') userTexts.push(text);
  }
  return { userTexts, turn };
}

function itemsOf(body: Json): unknown {
  const { input, messages } = body;
  return typeof input === 'string' ? [{ role: 'user', content: input }] : (input ?? messages);
}

/** The refusals of the Responses API, in its words. */
function refusalOf(
  model: string,
  include: unknown,
  limit: number | undefined,
): { problem: string; param: string } | undefined {
  const wantsReasoning = Array.isArray(include) && include.includes('reasoning.encrypted_content');
  if (wantsReasoning && DOES_NOT_REASON.test(model)) {
    return { problem: 'Encrypted content is not supported with this model.', param: 'include' };
  }
  if (limit !== undefined && limit < MIN_OUTPUT_TOKENS) {
    const problem = `Invalid 'max_output_tokens': integer below minimum value. Expected a value >= ${MIN_OUTPUT_TOKENS}.`;
    return { problem, param: 'max_output_tokens' };
  }
  return undefined;
}

/**
 * Reads the body of a request. Only this function reads the input of a client, in which every field may be missing or
 * of any type. Returns a problem if the body is not a model call.
 */
export function readModelCall(
  body: string,
  door: Pick<ModelCall, 'wire' | 'path' | 'key'>,
): ModelCall | { problem: string; param: string | null } {
  let fields: Json;
  try {
    fields = asObject(JSON.parse(body));
  } catch {
    return { problem: 'the body is not JSON', param: null };
  }
  const { model, tools, stream, stream_options, background } = fields;
  const items = itemsOf(fields);
  if (typeof model !== 'string' || model === '') return { problem: 'expected a model name', param: 'model' };
  if (!Array.isArray(items)) {
    const param = door.wire === 'responses' ? 'input' : 'messages';
    return { problem: `expected a conversation in ${param}`, param };
  }
  const limit = LIMIT_FIELDS.map((field) => fields[field]).find((value) => typeof value === 'number');
  if (door.wire === 'responses') {
    const refused = refusalOf(model, fields.include, limit);
    if (refused) return refused;
  }
  return {
    ...door,
    model,
    isStream: stream === true,
    isBackground: door.wire === 'responses' && background === true,
    metadata: asObject(fields.metadata),
    wantsUsage: asObject(stream_options).include_usage === true,
    effort: readEffort(fields),
    toolCount: Array.isArray(tools) ? tools.length : 0,
    maxOutputTokens: limit ?? null,
    ...readConversation(items.map(asObject)),
    characters: body.length,
    prompt: promptBytesOf(door.wire, fields, items),
  };
}
