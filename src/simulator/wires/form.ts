import type { Fault } from '../fault.ts';
import type { ModelCall } from '../model-call.ts';
import type { Reply } from '../reply.ts';

/** One event of a stream as it is sent. A delta carries a piece of the answer. */
export type Frame = { text: string; isDelta: boolean };

/** The functions with which a wire writes an answer. */
export type WireForm = {
  /** The answer without a stream. */
  body(reply: Reply): string;
  /** The answer as a stream, with its terminal event. */
  frames(reply: Reply, call: ModelCall): Frame[];
  errorBody(fault: Fault, requestId: string): string;
  /** An error in a stream that has begun. `isWholeResponse` makes the response object fail, if the wire has one. */
  errorFrame(fault: Fault, reply: Reply, isWholeResponse: boolean): string;
  /** The request id and the rate limits of every answer. */
  headers(requestId: string, isRateLimited: boolean): Record<string, string>;
};

/** Writes one server-sent event. */
export function sse(event: string | null, data: unknown): string {
  const json = JSON.stringify(data);
  return event === null ? `data: ${json}\n\n` : `event: ${event}\ndata: ${json}\n\n`;
}

/** Seconds since the epoch, as OpenAI writes times. */
export function inSeconds(ms: number): number {
  return Math.floor(ms / 1000);
}
