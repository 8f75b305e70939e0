import type { Directive } from './directive.ts';

/** An error of a provider, before it gets the form of a vendor. The form fills each `null`. */
export type Fault = {
  status: number;
  message: string;
  type: string | null;
  code: string | null;
  param: string | null;
};

/** Describes the error of a directive for a request that came with `key`. */
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

/** The error for an invalid request: an unknown path, an invalid model call, or an invalid directive. */
export function badRequest(message: string, param: string | null = null, status: 400 | 404 = 400): Fault {
  return { status, message, type: null, code: null, param };
}

/** The headers with which a provider asks the client to wait. */
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
