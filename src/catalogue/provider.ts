import { z } from 'zod';
import { EffortPolicy, ReasoningEffort } from '../contract/effort.ts';
import { ProviderName, Wire } from '../contract/route.ts';
import { type Section, type SettingsTable, sectionShape, tableShape } from '../contract/setting.ts';
import { refusedKindOf } from './endpoint-address.ts';

/** No limit of a call may be longer than a day. */
const limitMs = z.number().int().positive().max(86_400_000);

/** The settings of the limits of one model call. Errand enforces all four and uses no timer of an SDK. */
export const CALL_TIMEOUT_SETTINGS = {
  headers_ms: {
    type: limitMs.default(60_000),
    unit: 'ms',
    meaning: 'from the request to the response headers; a connection that is not made ends after 10 s',
  },
  first_token_ms: {
    type: limitMs.default(300_000),
    unit: 'ms',
    meaning: 'from the response headers to the first event of a model call',
  },
  idle_ms: {
    type: limitMs.default(120_000),
    unit: 'ms',
    meaning:
      'between two events of a stream; five times as long from effort `high` up, because a model may think in silence',
  },
  turn_ms: { type: limitMs.default(1_800_000), unit: 'ms', meaning: 'one whole model call' },
} satisfies Section;

/** The limits of one model call; see {@link CALL_TIMEOUT_SETTINGS}. */
export const CallTimeouts = z.strictObject(sectionShape(CALL_TIMEOUT_SETTINGS));
export type CallTimeouts = z.infer<typeof CallTimeouts>;

/** US dollars per million tokens, for models the price library does not know. */
export const ModelPrice = z.strictObject({
  input: z.number().nonnegative(),
  cached_input: z.number().nonnegative().optional(),
  output: z.number().nonnegative(),
});
export type ModelPrice = z.infer<typeof ModelPrice>;

/**
 * Returns the `error` of a schema that also reports a missing value. It does not repeat the value, which may be a
 * secret.
 */
function orMissing(expected: string): (issue: { input?: unknown }) => string {
  return ({ input }) => (input === undefined ? `is missing; ${expected}` : expected);
}

/** Returns the problem of the host of an address, or `undefined`. */
function problemOfHost(address: string): string | undefined {
  const { hostname = '' } = URL.parse(address) ?? {};
  const kind = refusedKindOf(hostname);
  if (kind === null) return undefined;
  return `expected the address of a provider, got the ${kind} address ${hostname}; if the provider is there, set allow_link_local: true`;
}

/** Tells whether an address has no login, query or fragment. A text that is not a URL already has another problem. */
function isBare(address: string): boolean {
  const url = URL.parse(address);
  return url === null || [url.username, url.password, url.search, url.hash].every((part) => part === '');
}

/** The settings of one provider, under its name in `providers`. */
export const PROVIDER_SETTINGS = {
  wire: { type: Wire, meaning: '`responses`, `chat` or `messages`' },
  base_url: {
    type: z
      .url({
        protocol: /^https?$/,
        error: orMissing('expected an http or https address, such as https://models.example/v1'),
      })
      .refine(isBare, 'expected an address without login, query and fragment'),
    meaning: "as the vendor's SDK takes it: with `/v1` on `responses` and `chat`, without it on `messages`",
  },
  credential: {
    type: z
      .string({ error: orMissing('expected env:NAME, file:/path or none') })
      .regex(/^(env:[A-Z][A-Z0-9_]*|file:\/.+|none)$/, 'expected env:NAME, file:/path or none'),
    meaning: 'source of the key: [`env:NAME`, `file:/path` or `none`](explanations/credentials.md)',
  },
  key_header: {
    type: z.enum(['authorization', 'x-api-key', 'api-key']).default('authorization'),
    meaning:
      'the header of the key, as a bearer token in `authorization`; `x-api-key` (some endpoints of the wire `messages`) and `api-key` (Azure) carry it bare',
  },
  default_model: { type: z.string().optional(), meaning: 'the model if a route names none' },
  aliases: { type: z.array(ProviderName).default([]), meaning: 'other names of the provider in routes' },
  effort_policy: { type: EffortPolicy.default('clamp'), meaning: '`clamp`, `strict` or `omit`' },
  efforts: {
    type: z.record(z.string(), z.array(ReasoningEffort)).default({}),
    meaning: 'levels by model name, or by a prefix that ends in `*`; they win over the built-in table',
  },
  prices: {
    type: z.record(z.string(), ModelPrice).default({}),
    meaning: '`input`, `cached_input`, `output` in US dollars per million tokens, by model name',
  },
  timeouts: CALL_TIMEOUT_SETTINGS,
  max_output_tokens: {
    type: z.number().int().positive().default(32_000),
    meaning:
      'output tokens of one turn, reasoning included; if the provider refuses it, the call is repeated once within the limit that the provider names',
  },
  max_tokens_field: {
    type: z.enum(['max_completion_tokens', 'max_tokens']).default('max_completion_tokens'),
    meaning: 'the field of the output limit on the wire `chat`; older endpoints need `max_tokens`',
  },
  echo_extras: {
    type: z.enum(['auto', 'always', 'never']).default('auto'),
    meaning:
      "wire `chat`: whether the next turn sends the fields that the provider adds to OpenAI's own, such as `reasoning_content`: `always`, `never`, or `auto`, which leaves them out only for Groq, Mistral and Cerebras, because these refuse them",
  },
  prompt_cache: {
    type: z.boolean().default(false),
    meaning:
      "wires `responses` and `chat`: `true` sends OpenAI's fields of the [prompt cache](explanations/prompt.md#prompt-caches), which some compatible endpoints refuse; Claude models on the wire `messages` get their marks without a setting",
  },
  background: {
    type: z.boolean().default(false),
    meaning: '`true` lets turns outlive their connection, with wire `responses` only; the provider stores them',
  },
  allow_link_local: {
    type: z.boolean().default(false),
    meaning:
      '`true` allows a link-local, metadata, unspecified, multicast or broadcast [address](explanations/security.md#addresses-of-providers)',
  },
  allow_plain_http: {
    type: z.boolean().default(false),
    meaning: '`true` says that `http` beyond this machine is meant: `errand doctor` and the worker then do not warn',
  },
} satisfies SettingsTable;

/**
 * Everything that belongs to one provider, as one immutable value. A switch of the provider switches all its fields
 * together.
 */
export const Provider = z
  .strictObject({ name: ProviderName, ...tableShape(PROVIDER_SETTINGS) })
  .refine(({ wire, base_url }) => wire !== 'messages' || !/\/v1\/*$/.test(base_url), {
    path: ['base_url'],
    message: 'expected an address without /v1, which the wire "messages" adds itself',
  })
  .refine(({ allow_link_local, base_url }) => allow_link_local || problemOfHost(base_url) === undefined, {
    path: ['base_url'],
    error: ({ input }) => problemOfHost((input as { base_url: string }).base_url),
  })
  .refine(({ background, wire }) => !background || wire === 'responses', {
    path: ['background'],
    message: 'only the wire "responses" has background responses',
  })
  .readonly();
export type Provider = z.infer<typeof Provider>;

/** A provider as a configuration declares it: by its name, with the fields that differ from their defaults. */
export type DeclaredProvider = Omit<z.input<typeof Provider>, 'name'>;
