import { z } from 'zod';
import { EffortPolicy, ReasoningEffort } from '../contract/effort.ts';
import { ProviderName, Wire } from '../contract/route.ts';
import { refusedKindOf } from './endpoint-address.ts';

/** No limit of a call may be longer than a day. */
const limitMs = z.number().int().positive().max(86_400_000);

/** The limits of one model call, in milliseconds. All four are ours; no SDK timer is relied on. */
export const CallTimeouts = z.strictObject({
  /** From sending the request to the response headers; a connection that does not come about ends after 10 s at most. */
  headers_ms: limitMs.default(60_000),
  /** From the headers to the first event of the stream. */
  first_token_ms: limitMs.default(300_000),
  /** Between two events of the stream. */
  idle_ms: limitMs.default(120_000),
  /** The whole call: one turn. */
  turn_ms: limitMs.default(1_800_000),
});
export type CallTimeouts = z.infer<typeof CallTimeouts>;

/** US dollars per million tokens, for models the price library does not know. */
export const ModelPrice = z.strictObject({
  input: z.number().nonnegative(),
  cached_input: z.number().nonnegative().optional(),
  output: z.number().nonnegative(),
});
export type ModelPrice = z.infer<typeof ModelPrice>;

/** What is wrong with the host of an address, or `undefined`. */
function problemOfHost(address: string): string | undefined {
  const { hostname = '' } = URL.parse(address) ?? {};
  const kind = refusedKindOf(hostname);
  if (kind === null) return undefined;
  return `expected the address of a provider, got the ${kind} address ${hostname}; if the provider is there, set allow_link_local: true`;
}

/** A text that is no URL has its own problem already. */
function isBare(address: string): boolean {
  const url = URL.parse(address);
  return url === null || [url.username, url.password, url.search, url.hash].every((part) => part === '');
}

/**
 * Everything that belongs to one provider, as one immutable value: switching the provider switches all of it, and
 * nothing is ever mixed field by field.
 */
export const Provider = z
  .strictObject({
    name: ProviderName,
    wire: Wire,
    base_url: z
      .url({ protocol: /^https?$/, error: 'expected an http or https address, such as https://models.example/v1' })
      .refine(isBare, 'expected an address without login, query and fragment'),
    /** Where the key comes from: `env:NAME` (also reads `NAME_FILE`), `file:/path`, or `none` for a keyless endpoint. */
    credential: z.string().regex(/^(env:[A-Z][A-Z0-9_]*|file:\/.+|none)$/, 'expected env:NAME, file:/path or none'),
    /** The header that carries the key: the vendors' own takes it as a bearer token, others want it bare. */
    key_header: z.enum(['authorization', 'x-api-key', 'api-key']).default('authorization'),
    default_model: z.string().optional(),
    /** Other names of the provider in routes, such as `claude:` before a model. */
    aliases: z.array(ProviderName).default([]),
    effort_policy: EffortPolicy.default('clamp'),
    /** Levels a model takes, by model name or a prefix ending in `*`; overrides the built-in table. */
    efforts: z.record(z.string(), z.array(ReasoningEffort)).default({}),
    prices: z.record(z.string(), ModelPrice).default({}),
    timeouts: CallTimeouts.prefault({}),
    /** The most tokens one turn may generate; the task's budget may lower it. Reasoning counts. */
    max_output_tokens: z.number().int().positive().default(32_000),
    /** Which field carries the output limit on the chat wire. */
    max_tokens_field: z.enum(['max_completion_tokens', 'max_tokens']).default('max_completion_tokens'),
    /**
     * Whether the next turn sends the fields that a provider of the chat wire adds to OpenAI's own to it again. Some
     * providers need their reasoning again (DeepSeek, Kimi, OpenRouter, Gemini), others refuse it. `auto`: not to hosts that
     * are known to refuse it.
     */
    echo_extras: z.enum(['auto', 'always', 'never']).default('auto'),
    /**
     * Whether turns are answered in the background: they outlive the connection, so a worker that takes over goes on
     * with them instead of paying again. The provider stores them.
     */
    background: z.boolean().default(false),
    /** Whether `base_url` may be a link-local, metadata, unspecified, multicast or broadcast address, or resolve to one. */
    allow_link_local: z.boolean().default(false),
    /** Whether `http` beyond this machine is meant: no warning then. */
    allow_plain_http: z.boolean().default(false),
  })
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
