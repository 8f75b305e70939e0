import type { Directive } from './directive.ts';

/** An error as a provider reports it, before a vendor's form. What is `null` is left to the form. */
export type Fault = {
  status: number;
  message: string;
  type: string | null;
  code: string | null;
  param: string | null;
};

/** Describes the error that a directive asks for, as it answers a request that came with `key`. */
export function faultOf(directive: Directive, status: number, key: string | null): Fault {
  const message = directive.message ?? `Simulated error ${status}.`;
  return {
    status,
    message: directive.echo === 'key' ? `${message} The key was ${key}.` : message,
    type: directive.error_type ?? null,
    code: directive.code ?? null,
    param: directive.param ?? null,
  };
}

/** The error for a request that is wrong in itself: an unknown path, no model call, or an unreadable directive. */
export function badRequest(message: string, param: string | null = null, status: 400 | 404 = 400): Fault {
  return { status, message, type: null, code: null, param };
}

/** The headers in which a provider asks to wait. */
export function waitHeaders(directive: Directive): Record<string, string> {
  const { retry_after, retry_after_date_ms, retry_after_ms } = directive;
  return {
    ...(retry_after !== undefined && { 'retry-after': String(retry_after) }),
    ...(retry_after_date_ms !== undefined && {
      'retry-after': new Date(Date.now() + retry_after_date_ms).toUTCString(),
    }),
    ...(retry_after_ms !== undefined && { 'retry-after-ms': String(retry_after_ms) }),
  };
}
