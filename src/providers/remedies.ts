import type { Provider } from '../catalogue/provider.ts';
import type { FailureCode } from '../errors.ts';
import type { Complaint } from './complaint.ts';
import { roomIn } from './output-limit.ts';

const TOOLS_WITH_EFFORT = /function tools with reasoning_effort/i;
/** The fields of a request for the prompt cache of OpenAI. */
const CACHE_FIELD = /prompt_cache_(key|breakpoint)/i;
/** Reasoning of the model that was sent again with the conversation. It is unrelated to the effort of a request. */
const THOUGHTS = /signature|(redacted_)?thinking\W{0,3} ?blocks?|redacted_thinking|encrypted_content/i;
const EFFORT_FIELD = /reasoning[._ ]?effort|output_config|\beffort\b|\bthinking\b/i;
/**
 * A field from the answers of a provider of the chat wire that it refuses in a conversation, such as `messages.1.reasoning`.
 */
const EXTRA_OF_ANSWER = /\breasoning(_content|_details)?\b(?![._ ]?effort)|extra_content|\bannotations\b/i;
const OUTPUT_FIELD = /max_?(completion_?|output_?|new_?)?tokens/i;
const UNKNOWN_FIELD =
  /unsupported|not supported|not permitted|not allowed|unrecognized|unknown|unexpected|extra (inputs|fields?)/i;
const REGAIN = /regain access on ([^.]{4,40})/i;

/** The remedy for a refusal, with the name of the setting; `undefined` if the remedy of the code is more useful. */
export function remedyFor(code: FailureCode, complaint: Complaint, provider: Provider): string | undefined {
  if (code === 'PROVIDER_QUOTA_EXHAUSTED') {
    const [, date] = REGAIN.exec(complaint.message) ?? [];
    return date && `Raise the limit of the account, or enqueue the task again after ${date}.`;
  }
  return code === 'PROVIDER_REFUSED_REQUEST' ? remedyForRefusal(complaint, provider) : undefined;
}

function remedyForRefusal({ message, field }: Complaint, provider: Provider): string | undefined {
  const about = `${field ?? ''} ${message}`;
  const { name } = provider;
  if (CACHE_FIELD.test(about)) return `Declare provider "${name}" with prompt_cache: false.`;
  if (TOOLS_WITH_EFFORT.test(message)) {
    return `Declare provider "${name}" with wire "responses", or set reasoning_effort of its tasks to "none".`;
  }
  if (THOUGHTS.test(message)) {
    return `Set providers.${name}.base_url to the endpoint of one vendor, or set reasoning_effort of its tasks to "none": the provider refused its own reasoning when it was sent back.`;
  }
  if (OUTPUT_FIELD.test(about) && UNKNOWN_FIELD.test(message) && provider.wire === 'chat') {
    const other = provider.max_tokens_field === 'max_tokens' ? 'max_completion_tokens' : 'max_tokens';
    return `Set providers.${name}.max_tokens_field to "${other}".`;
  }
  if (provider.wire === 'chat' && EXTRA_OF_ANSWER.test(about) && UNKNOWN_FIELD.test(message)) {
    return `Set providers.${name}.echo_extras to "never": the provider refuses the reasoning of its own answers.`;
  }
  const room = roomIn(message);
  if (room || OUTPUT_FIELD.test(about)) {
    const max = room && 'most' in room ? `${room.most} or less` : 'the number that the message allows';
    return `Set providers.${name}.max_output_tokens to ${max}, or lower budget.output_tokens_per_turn.`;
  }
  if (!EFFORT_FIELD.test(field ?? message)) return undefined;
  return `Declare the levels of the model under providers.${name}.efforts, or set its effort_policy to "omit".`;
}
