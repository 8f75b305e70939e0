import {
  Composer,
  type Document,
  isAlias,
  isCollection,
  isMap,
  isNode,
  isScalar,
  isSeq,
  Lexer,
  Parser,
  type Scalar,
  YAMLParseError,
} from 'yaml';
import { exactNumber, inexactText } from '../../base/exact-number.ts';
import { clip } from '../../base/text.ts';
import {
  fieldPath,
  GIVEN_TWICE,
  HALF_CHARACTER,
  MAX_FAULTS,
  PROTO_KEY,
  type TextBounds,
  type TextFault,
  type TextReading,
  tooDeep,
  tooManyFields,
} from '../../base/text-fault.ts';
import { yamlWords } from '../syntax.ts';
import { batchFileInvalid } from './refusal.ts';

/** The maximum size: the parser takes about a second and 50 MiB of memory for each megabyte. */
const MAX_CHARS = 16 * 1024 * 1024;
/** The number of values that aliases may add to the written values. */
const MAX_ALIASED = 100_000;
/** The maximum number of parts that the parser opens for one level of nesting. */
const PARTS_PER_LEVEL = 4;
const OPTIONS = {
  version: '1.2',
  schema: 'core',
  uniqueKeys: false,
  merge: false,
  prettyErrors: false,
  logLevel: 'error',
} as const;
const TAG = 'tag:yaml.org,2002:';
const TAGS: ReadonlySet<string> = new Set(
  ['str', 'int', 'float', 'bool', 'null', 'map', 'seq'].map((name) => TAG + name),
);
const JSON_NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;

/**
 * Reads YAML 1.2 so that the value equals the text. Refuses everything that YAML or its parser changes silently:
 * repeated fields, numbers that are not written as in JSON (`0x1F`, `017`, `.5`, `.inf`) or that a double cannot hold,
 * tags beyond the core schema, merge keys, YAML 1.1. Aliases are replaced by their values, up to 100,000 values.
 *
 * @throws ErrandError `BATCH_INVALID` for a text that is too large for the parser.
 */
export function readYaml(text: string, bounds: Omit<TextBounds, 'root'>, label: string): TextReading {
  if (text.length > MAX_CHARS) {
    const remedy = 'Write the batch as JSON or JSONL, which may be larger.';
    throw batchFileInvalid(label, `expected at most ${MAX_CHARS} characters of YAML, got ${text.length}`, remedy);
  }
  try {
    // In YAML, CRLF, CR and LF are line breaks. The parser does not know CR alone.
    const parsed = parse(text.replace(/\r(?!\n)/g, '\n'), PARTS_PER_LEVEL * (bounds.maxDepth + 1));
    if (parsed.tooDeepAt !== undefined) {
      return { ...syntaxFault(tooDeep(bounds.levels), parsed.tooDeepAt), isSyntax: false };
    }
    const { document } = parsed;
    const [error] = [...document.errors, ...document.warnings];
    if (error) return syntaxFault(yamlWords(error), error.pos[0]);
    if (document.directives?.yaml.version !== '1.2') return syntaxFault('expected YAML 1.2, got another version', 0);
    return new YamlReader(document, text.length + MAX_ALIASED, bounds).read();
  } catch (error) {
    if (error instanceof YAMLParseError) return syntaxFault(yamlWords(error), error.pos[0]);
    if (error instanceof RangeError) return { ...syntaxFault(tooDeep(bounds.levels), 0), isSyntax: false };
    throw error;
  }
}

type Parsed = { document: Document; tooDeepAt?: undefined } | { tooDeepAt: number };

/** Parses one document as `parseDocument` does, but stops at the first nesting of more than `maxOpen` parts. */
function parse(text: string, maxOpen: number): Parsed {
  const parser = new Parser();
  let tooDeepAt: number | undefined;
  function* tokens() {
    for (const lexeme of new Lexer().lex(text)) {
      yield* parser.next(lexeme);
      if (parser.stack.length <= maxOpen) continue;
      tooDeepAt = parser.offset;
      return;
    }
    yield* parser.end();
  }
  const [document, second] = new Composer(OPTIONS).compose(tokens(), true, text.length);
  if (tooDeepAt !== undefined || !document) return { tooDeepAt: tooDeepAt ?? 0 };
  if (second) document.errors.push(new YAMLParseError([second.range[0], second.range[1]], 'MULTIPLE_DOCS', ''));
  return { document };
}

function syntaxFault(what: string, at: number): Extract<TextReading, { status: 'refused' }> {
  return { status: 'refused', isSyntax: true, faults: [{ path: '', at, what }] };
}

class YamlReader {
  readonly #document: Document;
  readonly #bounds: Omit<TextBounds, 'root'>;
  readonly #faults: TextFault[] = [];
  readonly #anchors = new Map<string, unknown>();
  /** The value of each alias, because an anchor may be set again after the alias. */
  readonly #targets = new Map<unknown, unknown>();
  readonly #open = new Set<unknown>();
  #room: number;

  constructor(document: Document, room: number, bounds: Omit<TextBounds, 'root'>) {
    this.#document = document;
    this.#room = room;
    this.#bounds = bounds;
  }

  read(): TextReading {
    const value = this.#visit(this.#document.contents, isSeq(this.#document.contents) ? 'tasks' : '', 0);
    const [first, ...others] = this.#faults;
    if (!first) return { status: 'read', value };
    return { status: 'refused', isSyntax: false, faults: [first, ...others] };
  }

  #visit(node: unknown, path: string, at: number): unknown {
    if (node === null) return null; // a field of a flow map without a value
    if (!isNode(node) || this.#isOver()) return this.#fault('expected a value', path, at);
    const start = node.range?.[0] ?? at;
    if (--this.#room < 0)
      return this.#fault(`expected aliases of at most ${MAX_ALIASED} values, got more`, path, start);
    if (isAlias(node)) return this.#alias(node, path, start);
    if (node.anchor !== undefined && !this.#targets.has(node)) this.#anchors.set(node.anchor, node);
    this.#targets.set(node, node); // a node that is visited again through an alias does not set its anchor again
    if (node.tag !== undefined && !TAGS.has(node.tag)) {
      return this.#fault('expected a value without a custom tag', path, start);
    }
    return isScalar(node) ? this.#scalar(node, path, start) : this.#collection(node, path, start);
  }

  #alias(node: { source: string }, path: string, at: number): unknown {
    const target = this.#targets.get(node) ?? this.#anchors.get(node.source);
    if (target === undefined) return this.#fault('the alias has no anchor', path, at);
    this.#targets.set(node, target);
    return this.#visit(target, path, at);
  }

  #scalar({ value, source = '' }: Scalar, path: string, at: number): unknown {
    if (typeof value === 'string' && !value.isWellFormed()) return this.#fault(HALF_CHARACTER, path, at);
    if (typeof value !== 'number') return value;
    if (!JSON_NUMBER.test(source)) {
      const what = `expected a number as in JSON, got ${clip(source, 40)}; quote it as a string`;
      return this.#fault(what, path, at);
    }
    return exactNumber(source) ?? this.#fault(inexactText(source), path, at);
  }

  #collection(node: unknown, path: string, at: number): unknown {
    if (this.#open.has(node)) return this.#fault('the alias contains itself', path, at);
    if (this.#open.size >= this.#bounds.maxDepth) return this.#fault(tooDeep(this.#bounds.levels), path, at);
    if (!isCollection(node)) return this.#fault('expected a value', path, at);
    this.#open.add(node);
    const value = isMap(node)
      ? this.#fields(node.items, path, at)
      : node.items.map((item, index) => this.#visit(item, `${path}[${index}]`, at));
    this.#open.delete(node);
    return value;
  }

  #fields(pairs: readonly { key: unknown; value: unknown }[], path: string, at: number): unknown {
    if (pairs.length > this.#bounds.maxFields) return this.#fault(tooManyFields(this.#bounds.maxFields), path, at);
    const fields: Record<string, unknown> = {};
    for (const { key, value } of pairs) {
      if (this.#isOver()) break;
      const start = (isNode(key) ? key.range?.[0] : undefined) ?? at;
      const name = this.#key(key, path, start);
      if (name === null) continue;
      const inner = fieldPath(path, name);
      if (name === '__proto__') this.#fault(PROTO_KEY, inner, start);
      else if (!name.isWellFormed()) this.#fault(HALF_CHARACTER, inner, start);
      else {
        if (Object.hasOwn(fields, name)) this.#fault(GIVEN_TWICE, inner, start);
        fields[name] = this.#visit(value, inner, start);
      }
    }
    return fields;
  }

  /** Returns the name of a field as it is written: `1.0`, `yes` and `null` stay texts. `null` if there is no name. */
  #key(key: unknown, path: string, at: number): string | null {
    const isPlainText = isScalar(key) && key.anchor === undefined && (key.tag === undefined || key.tag === `${TAG}str`);
    const name = isPlainText ? (typeof key.value === 'string' ? key.value : key.source) : undefined;
    const isMerge = isPlainText && name === '<<' && key.type === 'PLAIN';
    if (isMerge) this.#fault('the merge key << is not YAML 1.2; write its fields out', path, at);
    else if (!name && !(isScalar(key) && key.value === '')) this.#fault('expected the name of a field', path, at);
    else return name ?? '';
    return null;
  }

  #isOver(): boolean {
    return this.#room < 0 || this.#faults.length >= MAX_FAULTS;
  }

  #fault(what: string, path: string, at: number): null {
    if (this.#faults.length < MAX_FAULTS) this.#faults.push({ path, at, what });
    return null;
  }
}
