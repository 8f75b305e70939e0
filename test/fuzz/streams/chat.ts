import { argumentsOf, argumentTextOf, type CallPlan, type TurnPlan, tokenOf, type UsagePlan } from '../conversation.ts';
import { cut, type Form, idOf, interleave, type WireEvent } from './stream.ts';

type Json = Record<string, unknown>;

function chunk(delta: Json | undefined, more: Json = {}, outer: Json = {}): WireEvent {
  const choices = delta === undefined ? [] : [{ index: 0, delta, finish_reason: null, ...more }];
  return {
    name: null,
    data: { id: 'chatcmpl-1', object: 'chat.completion.chunk', created: 1, model: 'fuzz', choices, ...outer },
  };
}

function toldOf({ input, cached, output, reasoning }: UsagePlan, form: Form): Json {
  const cache =
    form.usage === 'deepseek'
      ? { prompt_cache_hit_tokens: cached, prompt_cache_miss_tokens: input - cached }
      : { prompt_tokens_details: { cached_tokens: cached } };
  return {
    prompt_tokens: input,
    ...cache,
    completion_tokens: output,
    completion_tokens_details: { reasoning_tokens: reasoning },
    total_tokens: input + output,
  };
}

const ZEROS = { prompt_tokens: 0, completion_tokens: 0, total_tokens: 0 };

function indexOf({ index }: Form, position: number): Json {
  if (index === 'absent') return {};
  if (index === 'zero') return { index: 0 };
  return { index: index === 'sparse' ? position * 70 + 3 : position };
}

/** The extra content of a call: Gemini refuses the next turn without it. */
export function extraOf(token: string): Json {
  return { extra_content: { google: { thought_signature: `sig-${token}==` } } };
}

function fragmentsOf(plan: CallPlan, position: number, token: string, form: Form): Json[] {
  const place = indexOf(form, position);
  const id = idOf(form, `call_${token}`);
  const name = plan.name ?? plan.tool;
  const head = { ...place, ...id, type: 'function', ...extraOf(token) };
  if (form.args === 'object') return [{ ...head, function: { name, arguments: argumentsOf(plan, token) } }];
  const pieces = cut(argumentTextOf(plan, token), form.piece);
  const first = form.start === 'with arguments' ? pieces.splice(0, 1).join('') : '';
  const later = {
    bare: { name: {}, id: {} },
    empty: { name: { name: '' }, id: { id: '', type: '' } },
    'other id': { name: {}, id: { id: `call_other_${token}` } },
    repeated: { name: { name }, id: { ...id, type: 'function' } },
  }[form.rest];
  return [
    { ...head, function: { name, arguments: first } },
    ...pieces.map((piece) => ({ ...place, ...later.id, function: { ...later.name, arguments: piece } })),
  ];
}

function thoughtsIn({ thoughts }: TurnPlan, form: Form): WireEvent[] {
  if (form.thoughts === 'own') return thoughts.map(({ text }) => chunk({ reasoning_content: text }));
  return thoughts.map(({ text, seal }, index) =>
    chunk({ reasoning_details: [{ type: 'reasoning.text', index, text, signature: seal, format: 'anthropic' }] }),
  );
}

function endingOf(turn: TurnPlan, form: Form): WireEvent[] {
  const told = toldOf(turn.usage, form);
  const word = form.word ?? (turn.calls.length > 0 ? 'tool_calls' : 'stop');
  const reason = form.isFinishTold ? { finish_reason: word } : {};
  const late = form.isTextLate ? turn.pieces.map((content) => chunk({ content }, { finish_reason: word })) : [];
  const within = {
    choice: [{ usage: told }, {}],
    groq: [{}, { x_groq: { usage: told } }],
    finish: [{}, { usage: told }],
  };
  const [inChoice = {}, beside = {}] = form.usage in within ? within[form.usage as keyof typeof within] : [];
  const isApart = ['end', 'every', 'deepseek'].includes(form.usage);
  return [
    chunk({}, { ...reason, ...inChoice }, beside),
    ...late,
    ...(isApart ? [chunk(undefined, {}, { usage: told })] : []),
    ...(form.placeholder === 'none'
      ? []
      : [chunk(undefined, {}, { usage: form.placeholder === 'empty' ? {} : ZEROS })]),
    ...(form.isDoneSent ? [{ name: null, data: '[DONE]' }] : []),
  ];
}

/** Renders a turn as the chunks of a chat completion. */
export function chatEvents(turn: TurnPlan, number: number, form: Form): WireEvent[] {
  const calls = turn.calls.map((plan, at) => fragmentsOf(plan, at, tokenOf(number, at), form));
  const fragments = form.isInterleaved && form.index === 'own' ? interleave(calls) : calls.flat();
  const every = form.usage === 'every' ? { usage: { ...ZEROS, prompt_tokens: turn.usage.input } } : {};
  return [
    chunk({ role: 'assistant', content: '' }, {}, every),
    ...thoughtsIn(turn, form),
    ...(form.isTextLate ? [] : turn.pieces.map((content) => chunk({ content }))),
    ...fragments.map((fragment) => chunk({ tool_calls: [fragment] })),
    ...endingOf(turn, form),
  ];
}
