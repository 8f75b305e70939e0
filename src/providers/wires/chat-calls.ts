import { fieldOf, isObject, listOf, textOf, wordOf } from '../../base/foreign.ts';
import { mergeDelta } from './chat-delta.ts';
import { type Growing, newGrowing } from './growing.ts';
import { JsonScan } from './json-scan.ts';
import { placeOf, type ReplyLimits } from './reply-limits.ts';

/** A tool call as it came: its own fields, and those that a vendor adds, such as Gemini's `extra_content`. */
export type SentCall = { id: string; name: string; arguments: string; extras: Growing; functionExtras: Growing };

/** The fields of a fragment, and of its function, that are read; all others are extras. */
const OWN_FIELDS = new Set(['index', 'id', 'type', 'function']);
const FUNCTION_FIELDS = new Set(['name', 'arguments']);

/** One tool call while its fragments come in. */
class GrowingCall {
  readonly place: number | undefined;
  readonly extras: Growing = newGrowing();
  readonly functionExtras: Growing = newGrowing();
  id = '';
  name = '';
  arguments = '';
  readonly #scan = new JsonScan();
  #isWhole = false;

  constructor(place: number | undefined) {
    this.place = place;
  }

  /** The arguments are the JSON of an object: nothing can be added to them. */
  get isWhole(): boolean {
    if (!this.#isWhole && this.#scan.isClosed) this.#isWhole = isJson(this.arguments);
    return this.#isWhole;
  }

  add(fragment: unknown, limits: ReplyLimits): void {
    this.id ||= wordOf(fragment, 'id');
    this.name ||= wordOf(fragment, 'function', 'name');
    this.#write(textOf(fragment, 'function', 'arguments'));
    mergeOthers(this.extras, fragment, OWN_FIELDS, limits);
    mergeOthers(this.functionExtras, fieldOf(fragment, 'function'), FUNCTION_FIELDS, limits);
  }

  /** A call that is sent again whole says nothing new: written after itself, it would be no JSON any more. */
  #write(piece: string): void {
    if (piece === '' || (this.isWhole && piece.trim() === this.arguments.trim())) return;
    this.#isWhole = false;
    this.arguments += piece;
    this.#scan.add(piece);
  }
}

/**
 * Puts the tool calls of one turn together from their fragments.
 *
 * Servers differ in which fragments carry index, id and name. A fragment begins a call if its place has none yet; if it
 * has a name and the call of its place has whole arguments; or if it has a name and an id that is new to its place. Every
 * other fragment goes on with the call of its place that has its id, else with the last one there. So a call that is sent
 * twice runs once, and two calls at one place stay two.
 */
export class ChatCalls {
  readonly #limits: ReplyLimits;
  readonly #calls: GrowingCall[] = [];

  constructor(limits: ReplyLimits) {
    this.#limits = limits;
  }

  /** Takes in the `tool_calls` of a delta. */
  add(sent: unknown): void {
    for (const fragment of listOf(sent)) this.#callOf(fragment).add(fragment, this.#limits);
  }

  /**
   * The calls so far, in the order of their places and, at one place, of their beginnings. A server that repeats the name
   * in every fragment may repeat it once more after the last: that fragment is left out.
   */
  get all(): SentCall[] {
    const calls = this.#calls.filter((call, at) => !isEcho(call, this.#calls[at - 1]));
    const placed = calls.map((call, at) => ({ call, place: call.place ?? at, at }));
    return placed.sort((a, b) => a.place - b.place || a.at - b.at).map(({ call }) => call);
  }

  #callOf(fragment: unknown): GrowingCall {
    const place = placeOf(fieldOf(fragment, 'index'));
    const id = wordOf(fragment, 'id');
    const hasName = wordOf(fragment, 'function', 'name') !== '';
    const here = this.#calls.filter((call) => place === undefined || call.place === place);
    const last = here.at(-1) ?? (hasName ? undefined : this.#calls.findLast((call) => call.place === undefined));
    const known = id === '' ? undefined : here.findLast((call) => call.id === id);
    if (known) return known;
    const isOther = hasName && (id !== '' || last?.isWhole);
    return last === undefined || isOther ? this.#begin(place) : last;
  }

  #begin(place: number | undefined): GrowingCall {
    this.#limits.call();
    const call = new GrowingCall(place);
    this.#calls.push(call);
    return call;
  }
}

function isEcho(call: GrowingCall, before: GrowingCall | undefined): boolean {
  if (call.id !== '' || call.arguments.trim() !== '') return false;
  return before?.isWhole === true && before.place === call.place && before.name === call.name;
}

/** Merges the fields of a piece that are not among `known`. */
function mergeOthers(into: Growing, piece: unknown, known: ReadonlySet<string>, limits: ReplyLimits): void {
  if (isObject(piece)) mergeDelta(into, piece, limits, known);
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
