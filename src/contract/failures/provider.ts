import type { FailureSpec } from './spec.ts';

/** What goes wrong between a child and its provider: the credential, the connection, the reply. */
export const PROVIDER_FAILURES = {
  CREDENTIAL_MISSING: {
    origin: 'credential',
    disposition: 'discard',
    means: 'No source has the credential of the provider.',
    remedy: 'Set the variable that the message names, or mount the file, on every worker.',
  },
  CREDENTIAL_REJECTED: {
    origin: 'credential',
    disposition: 'discard',
    means: 'The provider refused the credential (401 or 403).',
    remedy: 'Replace the credential; check its project, its permissions and its expiry.',
  },
  CREDENTIAL_REPLACED: {
    origin: 'credential',
    disposition: 'requeue',
    means: 'The provider refused a key that has been replaced since; the task goes on with the new one.',
    remedy: 'Nothing. To avoid it, let the old key live for as long as tasks run.',
  },
  PROVIDER_QUOTA_EXHAUSTED: {
    origin: 'provider',
    disposition: 'discard',
    means: 'The account behind the credential is out of quota or credit.',
    remedy: 'Raise the limit or top up the account; waiting does not help.',
  },
  PROVIDER_RATE_LIMITED: {
    origin: 'provider',
    disposition: 'defer',
    means: 'The provider answered 429; the task comes back when the provider said so.',
    remedy:
      'Lower worker.concurrency, or max_concurrent of the batch, or pause the lane; or ask the provider for a higher limit.',
  },
  PROVIDER_OVERLOADED: {
    origin: 'provider',
    disposition: 'retry',
    means: 'The provider is overloaded (503 or 529).',
    remedy: 'Nothing, if it passes; otherwise pause the lane or route elsewhere.',
  },
  PROVIDER_FAILED: {
    origin: 'provider',
    disposition: 'retry',
    means:
      'The provider failed (5xx, 408, 409, 421, 423-425, 498, 499, an error event, an unknown stop reason, a failed tool call).',
    remedy: "Look at the provider's status page; the request id is in the failure.",
  },
  PROVIDER_UNREACHABLE: {
    origin: 'provider',
    disposition: 'retry',
    means: 'No connection to the provider, or it broke.',
    remedy: 'Check name resolution, TLS, egress rules and the base URL in the configuration.',
  },
  PROVIDER_ADDRESS_REFUSED: {
    origin: 'provider',
    disposition: 'retry',
    means:
      'The name of the provider resolves only to addresses that Errand does not connect to, such as link-local ones.',
    remedy: 'Correct base_url of the provider or its DNS record, or set its allow_link_local: true.',
  },
  PROVIDER_TIMED_OUT: {
    origin: 'provider',
    disposition: 'retry',
    means: 'No response headers came within the limit.',
    remedy: 'Raise timeouts.headers_ms of the provider if it is merely slow.',
  },
  PROVIDER_FIRST_TOKEN_TIMED_OUT: {
    origin: 'provider',
    disposition: 'retry',
    means: 'The response began, and its first event did not come within the limit.',
    remedy: 'Raise the limit that the message names if the model thinks for long before it speaks.',
  },
  PROVIDER_STREAM_STALLED: {
    origin: 'provider',
    disposition: 'retry',
    means: 'The stream fell silent for longer than the limit, before its terminal event.',
    remedy: 'Raise the limit that the message names if the model pauses for long.',
  },
  PROVIDER_TURN_TIMED_OUT: {
    origin: 'provider',
    disposition: 'retry',
    means: 'One model call took longer than a turn may.',
    remedy: 'Raise the limit that the message names, or ask for less in one turn.',
  },
  PROVIDER_STREAM_CUT: {
    origin: 'provider',
    disposition: 'retry',
    means: 'The stream ended before its terminal event, so the turn is not complete.',
    remedy: 'Nothing, if it passes; otherwise look for a proxy that cuts long responses.',
  },
  PROVIDER_MALFORMED: {
    origin: 'provider',
    disposition: 'retry',
    means: 'The provider sent something that is not its protocol.',
    remedy: 'Check that the base URL and the wire of the provider belong together.',
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
    remedy: 'Check the model name and the size of goal and context.',
  },
  CONTEXT_TOO_LONG: {
    origin: 'provider',
    disposition: 'discard',
    means: 'The conversation no longer fits the context window of the model.',
    remedy: 'Shorten goal and context, or route to a model with a larger window.',
  },
} as const satisfies Record<string, FailureSpec>;
