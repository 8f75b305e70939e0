import type { Wire } from '../contract/route.ts';
import type { Directive } from './directive.ts';
import { type Fault, faultOf, waitHeaders } from './fault.ts';
import type { ModelCall } from './model-call.ts';
import type { Play } from './playbook.ts';
import type { Reply } from './reply.ts';
import { chat } from './wires/chat.ts';
import type { Frame, WireForm } from './wires/form.ts';
import { messages } from './wires/messages.ts';
import { responses } from './wires/responses.ts';

/** The plan of an answer, complete before the first byte is sent. */
export type Answer = {
  /** `null`: not even headers are sent. */
  status: number | null;
  headers: Record<string, string>;
  /** The body, in the pieces in which it is written. */
  parts: string[];
  /** Wait before the answer begins, and before each part. */
  latencyMs: number;
  gapMs: number;
  /** How the answer ends: as HTTP requires, never, with a reset, or with an orderly end that is too early. */
  ending: 'complete' | 'hang' | 'reset' | 'clean';
};

const FORMS: Record<Wire, WireForm> = { responses, chat, messages };
/** The headers of every stream. */
export const STREAM = { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache' };
const JSON_TYPE = { 'content-type': 'application/json' };
const HTML_TYPE = { 'content-type': 'text/html; charset=utf-8' };
const BROKEN_FRAME = 'event: message\ndata: {"type": "broken\n\n';
const WEB_PAGE = '<!doctype html><title>Welcome</title><p>This is not an API.</p>';
const STATUS_OF_FAILURE = 500;

function errorAnswer(wire: Wire, fault: Fault, requestId: string, extra: Record<string, string>): Answer {
  const form = FORMS[wire];
  return {
    status: fault.status,
    headers: { ...JSON_TYPE, ...form.headers(requestId, fault.status === 429), ...extra },
    parts: [form.errorBody(fault, requestId)],
    latencyMs: 0,
    gapMs: 0,
    ending: 'complete',
  };
}

/** Answers an invalid request in the form of its wire; without a wire, in the form of OpenAI. */
export function refuse(wire: Wire | null, fault: Fault, requestId: string): Answer {
  return errorAnswer(wire ?? 'chat', fault, requestId, {});
}

/** The start of the stream and its first `count` deltas. */
function upTo(frames: Frame[], count: number): string[] {
  let deltas = 0;
  const stop = frames.findIndex(({ isDelta }) => isDelta && ++deltas > count);
  const end = stop >= 0 ? stop : frames.findLastIndex(({ isDelta }) => isDelta) + 1;
  return frames.slice(0, end).map(({ text }) => text);
}

function streamParts(form: WireForm, call: ModelCall, directive: Directive, reply: Reply): string[] {
  const frames = form.frames(reply, call);
  const sent = () => upTo(frames, directive.after ?? 0);
  if (directive.hang || directive.cut) return sent();
  if (directive.malformed) return [...sent(), BROKEN_FRAME];
  if (directive.fail) {
    const fault = faultOf(directive, STATUS_OF_FAILURE, call.key);
    return [...sent(), form.errorFrame(fault, reply, directive.fail === 'response')];
  }
  return frames.map(({ text }) => text);
}

function bodyParts(form: WireForm, directive: Directive, reply: Reply): string[] {
  const body = form.body(reply);
  const isPartial = directive.hang || directive.cut || directive.malformed;
  return [isPartial ? body.slice(0, Math.floor(body.length / 2)) : body];
}

function endingOf({ hang, cut }: Directive): Answer['ending'] {
  if (hang) return 'hang';
  if (cut) return cut === 'clean' ? 'clean' : 'reset';
  return 'complete';
}

/** Plans the answer to a call: the reply in the form of its wire, with the fault of its directive. */
export function planAnswer(call: ModelCall, { directive }: Play, reply: Reply, requestId: string): Answer {
  const form = FORMS[call.wire];
  const { hang, cut, malformed, fail, latency_ms: latencyMs = 0, delta_ms: gapMs = 0 } = directive;
  const status = directive.status ?? (fail && !call.isStream ? STATUS_OF_FAILURE : undefined);
  if (status !== undefined) {
    const fault = faultOf(directive, status, call.key);
    return { ...errorAnswer(call.wire, fault, requestId, waitHeaders(directive)), latencyMs };
  }
  const ending = endingOf(directive);
  const common = { latencyMs, gapMs: call.isStream ? gapMs : 0, ending, headers: form.headers(requestId, false) };
  if (hang === 'headers' || cut === 'headers') return { ...common, status: null, parts: [] };
  if (malformed === 'html') return { ...common, status: 200, headers: HTML_TYPE, parts: [WEB_PAGE] };
  const headers = { ...(call.isStream ? STREAM : JSON_TYPE), ...common.headers };
  if (hang === 'body') return { ...common, status: 200, headers, parts: [] };
  const parts = call.isStream ? streamParts(form, call, directive, reply) : bodyParts(form, directive, reply);
  return { ...common, status: 200, headers, parts };
}
