import { asList, fieldOf, isObject, textOf, wordOf } from '../../base/foreign.ts';
import { isJson } from '../../base/text.ts';
import { mergeDelta } from './chat-delta.ts';
import { type Growing, newGrowing } from './growing.ts';
import { JsonScan } from './json-scan.ts';
import { placeOf, type ReplyLimits } from './reply-limits.ts';

/** A tool call as the provider sent it: its own fields, and fields that a vendor adds, such as Gemini's `extra_content`. */
export type SentCall = { id: string; name: string; arguments: string; extras: Growing; functionExtras: Growing };

/** The fields of a fragment, and of its function, that are read. All other fields are extras. */
const OWN_FIELDS = new Set(['index', 'id', 'type', 'function']);
const FUNCTION_FIELDS = new Set(['name', 'arguments']);

/** One tool call while its fragments arrive. */
class GrowingCall {
  readonly place: number | undefined;
  readonly extras: Growing = newGrowing();
  readonly functionExtras: Growing = newGrowing();
  #id = '';
  #name = '';
  #arguments = '';
  readonly #scan = new JsonScan();
  /** Whether the closed text is JSON, which is found out once; only white space can follow it. */
  #isJson: boolean | undefined;

  constructor(place: number | undefined) {
    this.place = place;
  }

  get id(): string {
    return this.#id;
  }

  /** The call as far as it was sent. */
  get sent(): SentCall {
    const { extras, functionExtras } = this;
    return { id: this.#id, name: this.#name, arguments: this.#arguments, extras, functionExtras };
  }

  /** The arguments are the JSON of an object: nothing can be added to them. */
  get isWhole(): boolean {
    if (!this.#scan.isClosed) return false;
    this.#isJson ??= isJson(this.#arguments);
    return this.#isJson;
  }

  add(fragment: unknown, limits: ReplyLimits): void {
    this.#id ||= wordOf(fragment, 'id');
    this.#name ||= wordOf(fragment, 'function', 'name');
    this.#write(textOf(fragment, 'function', 'arguments'));
    mergeOthers(this.extras, fragment, OWN_FIELDS, limits);
    mergeOthers(this.functionExtras, fieldOf(fragment, 'function'), FUNCTION_FIELDS, limits);
  }

  /** Ignores a call that is sent a second time as a whole: appending it would make the arguments invalid JSON. */
  #write(piece: string): void {
    const text = piece.trim();
    if (text !== '' && this.isWhole && text === this.#arguments.trim()) return;
    this.#arguments += piece;
    this.#scan.add(piece);
  }
}

/**
 * Assembles the tool calls of one turn from their fragments.
 *
 * Servers differ in which fragments carry index, id and name. A fragment begins a call if its place has no call yet; if it
 * has a name and the call at its place has complete arguments; or if it has a name and an id that is new at its place. Every
 * other fragment continues the call at its place that has its id, else the last call there. So a call that is sent twice
 * runs once, and two calls at one place stay two calls.
 */
export class ChatCalls {
  readonly #limits: ReplyLimits;
  readonly #calls: GrowingCall[] = [];

  constructor(limits: ReplyLimits) {
    this.#limits = limits;
  }

  /** Adds the `tool_calls` of a delta. */
  add(sent: unknown): void {
    for (const fragment of asList(sent)) this.#callOf(fragment).add(fragment, this.#limits);
  }

  /**
   * The calls so far, ordered by place and, at one place, by their start. A server that repeats the name in every fragment
   * may repeat it once more after the last fragment; the call that this begins is left out.
   */
  get all(): SentCall[] {
    const calls = this.#calls.filter((call, at) => !isEcho(call, this.#calls[at - 1]));
    const placed = calls.map((call, at) => ({ call, place: call.place ?? at, at }));
    return placed.sort((a, b) => a.place - b.place || a.at - b.at).map(({ call }) => call.sent);
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
  const { id, name, arguments: text } = call.sent;
  if (id !== '' || text.trim() !== '') return false;
  return before?.isWhole === true && before.place === call.place && before.sent.name === name;
}

/** Merges the fields of a piece that are not in `known`. */
function mergeOthers(into: Growing, piece: unknown, known: ReadonlySet<string>, limits: ReplyLimits): void {
  if (isObject(piece)) mergeDelta(into, piece, limits, known);
}
