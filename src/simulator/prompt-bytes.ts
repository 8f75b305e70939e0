import type { Wire } from '../contract/route.ts';

type Json = Record<string, unknown>;

/** A part of a prompt, in the order in which a model reads them. */
type Block = {
  /** The JSON of the part, without the marks of the cache. */
  bytes: string;
  isMarked: boolean;
  /** Whether it is the last part of a message of a user or a tool. */
  endsQuestion: boolean;
};

/**
 * The bytes of a prompt, with the offsets that count for a prompt cache: a prefix is looked for at each of `reads`, and
 * can be read after an answer from each of `writes`.
 */
export type PromptBytes = { text: string; reads: number[]; writes: number[]; isWriteBilled: boolean };

/** The minimum size of a cached prefix is 1,024 tokens, of four characters each. */
const MIN_PREFIX = 4_096;
/** Providers without marks cache in steps of 128 tokens. */
const STEP = 512;
/** Anthropic looks so many blocks back from each mark. */
const LOOKBACK = 20;
/** OpenAI writes so many marks of a request, beside its own, and looks for so many. */
const WRITTEN_MARKS = 3;
const READ_MARKS = 80;
/** The models of OpenAI that cache at marks only. Their own mark is at the end of the newest message. */
const AT_MARKS = /^gpt-(5\.([6-9]|\d\d)|[6-9]|\d\d)(\D|$)/;

function asObject(value: unknown): Json {
  return typeof value === 'object' && value !== null ? (value as Json) : {};
}

function asArray(value: unknown): unknown[] {
  if (value === undefined || value === null) return [];
  return Array.isArray(value) ? value : [value];
}

function blockOf(role: unknown, value: unknown, endsQuestion: boolean): Block {
  const { cache_control, prompt_cache_breakpoint, ...part } = asObject(value);
  // A text alone is the same as one block of text.
  return {
    bytes: `${JSON.stringify([role, typeof value === 'string' ? { type: 'text', text: value } : part])}\n`,
    isMarked: Boolean(cache_control ?? prompt_cache_breakpoint),
    endsQuestion,
  };
}

function blocksOfItem(item: unknown): Block[] {
  const { role, content, ...others } = asObject(item);
  if (content === undefined || content === null || Object.keys(others).length > 0) {
    return [blockOf(role ?? '', item, role === 'tool' || String(others.type).endsWith('_output'))];
  }
  const parts = asArray(content);
  return parts.map((part, at) => blockOf(role, part, role === 'user' && at === parts.length - 1));
}

/** Vendors read tools first, then the system prompt, then the conversation, whatever the order of the fields is. */
function blocksOf(fields: Json, items: readonly unknown[]): Block[] {
  return [
    ...asArray(fields.tools).map((tool) => blockOf('tool', tool, false)),
    ...[...asArray(fields.system), ...asArray(fields.instructions)].map((part) => blockOf('system', part, false)),
    ...items.flatMap(blocksOfItem),
  ];
}

/** Reads the prompt of a request; `null` if it is too small for a cache. */
export function promptBytesOf(wire: Wire, fields: Json, items: readonly unknown[]): PromptBytes | null {
  const blocks = blocksOf(fields, items);
  let end = 0;
  const ends = blocks.map(({ bytes }) => (end += bytes.length));
  if (end < MIN_PREFIX) return null;
  const text = blocks.map(({ bytes }) => bytes).join('');
  const { reads, writes } = offsetsIn(wire, fields, { blocks, ends });
  const isLarge = (offset: number | undefined): offset is number => offset !== undefined && offset >= MIN_PREFIX;
  const isWriteBilled = wire === 'messages' || AT_MARKS.test(String(fields.model));
  return { text, reads: reads.filter(isLarge), writes: writes.filter(isLarge), isWriteBilled };
}

type Offsets = { reads: (number | undefined)[]; writes: (number | undefined)[] };

function offsetsIn(wire: Wire, fields: Json, { blocks, ends }: { blocks: Block[]; ends: number[] }): Offsets {
  const last = blocks.length - 1;
  const marked = blocks.flatMap(({ isMarked }, at) => (isMarked ? [at] : []));
  const endOf = (at: number) => ends[at];
  if (wire === 'messages') {
    const marks = [...new Set(fields.cache_control ? [...marked, last] : marked)];
    const seen = new Set(marks.flatMap((mark) => Array.from({ length: LOOKBACK }, (_, back) => mark - back)));
    return { reads: [...seen].map(endOf), writes: marks.map(endOf) };
  }
  if (AT_MARKS.test(String(fields.model))) {
    const newest = blocks.findLastIndex(({ endsQuestion }) => endsQuestion);
    const known = blocks.flatMap(({ isMarked, endsQuestion }, at) => (isMarked || endsQuestion ? [at] : []));
    const written = [...marked.slice(-WRITTEN_MARKS), newest];
    return { reads: known.slice(-READ_MARKS).map(endOf), writes: written.map(endOf) };
  }
  const steps = Array.from({ length: Math.floor((ends[last] ?? 0) / STEP) }, (_, at) => (at + 1) * STEP);
  return { reads: steps, writes: steps };
}
