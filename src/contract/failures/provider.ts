import type { FailureSpec } from './spec.ts';

/** Failures between a child and its provider: the credential, the connection, the reply. */
export const PROVIDER_FAILURES = {
  CREDENTIAL_MISSING: {
    origin: 'credential',
    disposition: 'discard',
    means: 'No source has the credential of the provider.',
    remedy: 'Set the variable that the message names (export OPENAI_API_KEY=...), or mount the file, on every worker.',
  },
  CREDENTIAL_REJECTED: {
    origin: 'credential',
    disposition: 'discard',
    means: 'The provider refused the credential (401 or 403).',
    remedy:
      'Replace the key that the message names; if it is in a variable, restart the workers. At the provider, check its project, its permissions and its expiry.',
  },
  CREDENTIAL_REPLACED: {
    origin: 'credential',
    disposition: 'requeue',
    means: 'The provider refused a key that has been replaced since. The task continues with the new key.',
    remedy: 'Wait: the task runs again. At the next rotation, keep the old key valid until running tasks have ended.',
  },
  PROVIDER_QUOTA_EXHAUSTED: {
    origin: 'provider',
    disposition: 'discard',
    means: 'The account of the credential has no quota or credit left.',
    remedy:
      "Raise the limit or add credit in the provider's console, then enqueue the task again. Waiting does not help.",
  },
  PROVIDER_RATE_LIMITED: {
    origin: 'provider',
    disposition: 'defer',
    means: 'The provider answered 429. The task waits as long as the provider asks, up to an hour, and runs again.',
    remedy: 'Lower worker.concurrency, or max_concurrent of the batch; or ask the provider for a higher limit.',
  },
  PROVIDER_OVERLOADED: {
    origin: 'provider',
    disposition: 'retry',
    means: 'The provider is overloaded (503 or 529).',
    remedy:
      'Wait: the task is retried. If it lasts, pause the lane (errand board) or choose another provider in the route.',
  },
  PROVIDER_FAILED: {
    origin: 'provider',
    disposition: 'retry',
    means:
      'The provider failed (5xx, 408, 409, 421, 423-425, 498, 499, an error event, an unknown stop reason, a failed tool call).',
    remedy: "Look at the provider's status page. If you report the error there, give the request_id of the failure.",
  },
  PROVIDER_UNREACHABLE: {
    origin: 'provider',
    disposition: 'retry',
    means: 'Errand could not connect to the provider, or the connection broke.',
    remedy: 'Check base_url of the provider, and DNS, TLS and egress rules of the worker (run curl BASE_URL there).',
  },
  PROVIDER_ADDRESS_REFUSED: {
    origin: 'provider',
    disposition: 'retry',
    means:
      'The host name of the provider resolves only to addresses that Errand refuses, such as link-local addresses.',
    remedy: 'Correct base_url of the provider or its DNS record, or set its allow_link_local: true.',
  },
  PROVIDER_TIMED_OUT: {
    origin: 'provider',
    disposition: 'retry',
    means: 'The provider sent no response headers within timeouts.headers_ms.',
    remedy: 'If the provider is only slow, raise timeouts.headers_ms of the provider.',
  },
  PROVIDER_FIRST_TOKEN_TIMED_OUT: {
    origin: 'provider',
    disposition: 'retry',
    means: 'The response began, but its first event did not arrive within the limit.',
    remedy: 'If the model thinks for a long time first, raise the limit that the message names.',
  },
  PROVIDER_STREAM_STALLED: {
    origin: 'provider',
    disposition: 'retry',
    means: 'The stream sent nothing for longer than the limit, before its last event.',
    remedy: 'If the model makes long pauses, raise the limit that the message names.',
  },
  PROVIDER_TURN_TIMED_OUT: {
    origin: 'provider',
    disposition: 'retry',
    means: 'One model call took longer than the limit of a turn.',
    remedy: 'Raise the limit that the message names, or ask for less in one turn.',
  },
  PROVIDER_STREAM_CUT: {
    origin: 'provider',
    disposition: 'retry',
    means: 'The stream ended before its last event, so the turn is incomplete.',
    remedy: 'Wait: the task is retried. If it happens again, look for a proxy that cuts long responses.',
  },
  PROVIDER_MALFORMED: {
    origin: 'provider',
    disposition: 'retry',
    means: 'The provider sent a reply that does not follow its protocol.',
    remedy: 'Check that base_url and wire of the provider belong together (errand config prints both).',
  },
  PROVIDER_REPLY_TOO_LARGE: {
    origin: 'provider',
    disposition: 'discard',
    means: 'The reply of one turn is larger than Errand stores: 3 MiB, 128 tool calls or 1,024 blocks.',
    remedy: 'Ask for less in one turn, or lower budget.output_tokens_per_turn. A retry would pay for the same reply.',
  },
  PROVIDER_REFUSED_REQUEST: {
    origin: 'provider',
    disposition: 'discard',
    means: 'The provider refused the request as wrong (400, 404, 413, 422).',
    remedy: 'Correct what the message names: often the model (see errand routes FILE) or the size of the context.',
  },
  CONTEXT_TOO_LONG: {
    origin: 'provider',
    disposition: 'discard',
    means: 'The conversation no longer fits into the context window of the model.',
    remedy: 'Shorten goal and context, or choose a model with a larger context window.',
  },
} as const satisfies Record<string, FailureSpec>;
