import { foreign, isObject, MAX_DEPTH } from '../../base/foreign.ts';
import { wellFormed } from '../../base/text.ts';
import type { Effort } from '../../catalogue/effort.ts';
import type { Prices } from '../../catalogue/prices.ts';
import type { Provider } from '../../catalogue/provider.ts';
import type { Turn } from '../../contract/checkpoint.ts';
import type { ToolImage } from '../../contract/tool-image.ts';
import type { AnswerHeaders } from '../answer.ts';
import { makeCall, type OpenStream, type Reply } from '../call.ts';
import type { CallLimits } from '../call-limits.ts';
import { faultOf } from '../faults.ts';
import type { Model, TurnListeners, TurnRequest, UserEntry } from '../model.ts';
import { CallIds } from './call-ids.ts';
import { type Bill, Meter } from './meter.ts';
import { ReplyLimits } from './reply-limits.ts';

/** The provider of a wire, and the `fetch` that holds the key and decides address and headers. */
export type Endpoint = { provider: Provider; fetch: typeof fetch };

/** The parameters that are the same for every turn of one task. */
export type WireRoute = {
  provider: Provider;
  prices: Prices;
  model: string;
  effort: Effort['level'];
  limits: CallLimits;
  /** What requests with a common beginning have in common, for a provider with `prompt_cache`. */
  cacheKey?: string | undefined;
};

/** Opens the client of a wire once, and makes a model with it for each task. */
export type ConnectWire = (endpoint: Endpoint) => (route: WireRoute) => Model;

/** The tools of a wire for gathering the events of one turn. */
export type Gathering = {
  route: WireRoute;
  listeners: TurnListeners;
  limits: ReplyLimits;
  meter: Meter;
  /** Assigns the ids of the calls of this turn, after the ids of the conversation. */
  ids: CallIds;
};

/** The result of a complete reply without the request id, which the call adds. `native` is as the provider sent it. */
export type TurnBody = Omit<Turn, 'request_id' | 'native' | keyof Bill> & { native: unknown; bill: Bill };

/** Gathers the events of one wire into a turn. It reads events field by field, because their JSON is not trusted. */
export type WireReply = Reply<unknown> & {
  /** Called with the headers before the first event. */
  answered?(headers: AnswerHeaders): void;
  turn(): TurnBody;
};

/** The three things that differ between the wires: the request, the gathering of its events, the call itself. */
export type WireParts<Params> = {
  /** Assigns an id to each call of the conversation, in order. */
  paramsOf: (route: WireRoute, request: TurnRequest, ids: CallIds) => Params;
  replyTo: (gathering: Gathering) => WireReply;
  send: (params: Params, signal: AbortSignal, request: TurnRequest) => ReturnType<OpenStream<unknown>>;
};

/**
 * Makes a model from the implementation of a wire for one turn. Every incoming event and every outgoing request passes here,
 * and an error that a wire throws about the data of a provider becomes an error of the provider.
 */
export function wireModel<Params>(route: WireRoute, wire: WireParts<Params>): Model {
  return {
    async turn(request, signal) {
      const ids = new CallIds(route.provider.wire);
      const params = withinNet(route, () => wellFormed(wire.paramsOf(route, request, ids)));
      const meter = new Meter(route);
      const listeners = listenersOf(request);
      const reply = wire.replyTo({ route, listeners, limits: new ReplyLimits(), meter, ids });
      const terms = { provider: route.provider, model: route.model, limits: route.limits, signal };
      const send = async (live: AbortSignal) => {
        const stream = await wire.send(params, live, request);
        reply.answered?.(stream.response.headers);
        return stream;
      };
      const requestId = await makeCall(terms, send, checked(reply));
      return withinNet(route, () => turnOf(reply, requestId));
    },
  };
}

/** Cleans each event with {@link foreign} before the wire reads it. */
function checked(reply: WireReply): Reply<unknown> {
  return {
    take(event) {
      const object = foreign(event);
      if (!isObject(object)) throw new SyntaxError('an event that is not a JSON object');
      reply.take(object);
    },
    takeDone: () => reply.takeDone(),
    get stage() {
      return reply.stage;
    },
  };
}

function turnOf(reply: WireReply, requestId: string | undefined): Turn {
  const { bill, ...body } = wellFormed(reply.turn());
  const native = body.native as Turn['native'];
  return { ...body, ...bill, native, ...(requestId !== undefined && { request_id: requestId }) };
}

/** An error that a wire throws about the data of a provider is a fault of the provider. */
function withinNet<T>({ provider }: WireRoute, make: () => T): T {
  try {
    return make();
  } catch (error) {
    throw faultOf(provider, error);
  }
}

/** A character may arrive in two halves. The first half waits for the second, so that no listener gets half a character. */
function listenersOf({ onText, onUsage }: TurnRequest): TurnListeners {
  let half = '';
  return {
    ...(onUsage && { onUsage }),
    ...(onText && {
      onText: (piece) => {
        const text = half + piece;
        half = isFirstHalf(text.charCodeAt(text.length - 1)) ? text.slice(-1) : '';
        const whole = text.slice(0, text.length - half.length).toWellFormed();
        if (whole !== '') onText(whole);
      },
    }),
  };
}

function isFirstHalf(code: number): boolean {
  return code >= 0xd8_00 && code <= 0xdb_ff;
}

/** The whole text of a first message, for a request that does not mark its shared part. */
export function wholeText({ shared, text }: UserEntry): string {
  return shared === undefined ? text : `${shared}\n\n${text}`;
}

/** An image as an address that contains it. */
export function dataUrlOf({ type, data }: ToolImage): string {
  return `data:${type};base64,${data}`;
}

/** A turn nests the input of its calls some levels deeper than the text that it was parsed from. */
const NATIVE_DEPTH = 2 * MAX_DEPTH;

/** Reads a provider's own JSON from the transcript. A checkpoint of an older version may contain any JSON. */
export function fromNative(native: Turn['native']): unknown {
  return foreign(native, NATIVE_DEPTH);
}
