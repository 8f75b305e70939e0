import { argumentsOf, argumentTextOf, type TurnPlan, tokenOf, type UsagePlan } from '../conversation.ts';
import { cut, type Form, idOf, interleave, type WireEvent } from './stream.ts';

type Json = Record<string, unknown>;

/** A content block: its start, and its deltas. */
type Block = { start: Json; deltas: Json[] };

function event(type: string, fields: Json = {}): WireEvent {
  return { name: type, data: { type, ...fields } };
}

function toldAtStart({ input, cached }: UsagePlan): Json {
  return {
    input_tokens: input - cached,
    cache_read_input_tokens: cached,
    cache_creation_input_tokens: 0,
    output_tokens: 1,
  };
}

function thoughtsIn({ thoughts }: TurnPlan, form: Form): Block[] {
  return thoughts.map(({ text, seal }) =>
    form.thoughts === 'sealed'
      ? { start: { type: 'redacted_thinking', data: seal }, deltas: [] }
      : {
          start: { type: 'thinking', thinking: '', signature: '' },
          deltas: [
            ...cut(text, form.piece).map((thinking) => ({ type: 'thinking_delta', thinking })),
            { type: 'signature_delta', signature: seal },
          ],
        },
  );
}

function callsIn({ calls }: TurnPlan, number: number, form: Form): Block[] {
  return calls.map((plan, at) => {
    const token = tokenOf(number, at);
    const start = { type: 'tool_use', ...idOf(form, `toolu_${token}`), name: plan.name ?? plan.tool };
    if (form.args === 'object') return { start: { ...start, input: argumentsOf(plan, token) }, deltas: [] };
    const deltas = cut(argumentTextOf(plan, token), form.piece).map((piece) => ({
      type: 'input_json_delta',
      partial_json: piece,
    }));
    return { start: { ...start, input: {} }, deltas };
  });
}

function endingOf({ usage, calls }: TurnPlan, form: Form): WireEvent[] {
  const told = {
    output_tokens: usage.output,
    output_tokens_details: { thinking_tokens: usage.reasoning },
  };
  const word = form.word ?? (calls.length > 0 ? 'tool_use' : 'end_turn');
  const end = (stop: string | null, figures: Json) =>
    event('message_delta', { delta: { stop_reason: stop, stop_sequence: null }, usage: figures });
  return [
    end(word, form.usage === 'none' ? {} : told),
    ...(form.placeholder === 'empty' ? [end(null, {})] : []),
    ...(form.placeholder === 'zeros' ? [end(null, { input_tokens: 0, output_tokens: 0 })] : []),
    event('message_stop'),
  ];
}

/** Renders a turn as the events of a message. */
export function messagesEvents(turn: TurnPlan, number: number, form: Form): WireEvent[] {
  const text = turn.pieces.map((piece): Json => ({ type: 'text_delta', text: piece }));
  const groups = form.isApart ? text.map((delta) => [delta]) : [text].filter(({ length }) => length > 0);
  const blocks: Block[] = [
    ...thoughtsIn(turn, form),
    ...groups.map((deltas) => ({ start: { type: 'text', text: '' }, deltas })),
    ...callsIn(turn, number, form),
  ];
  const streams = blocks.map(({ start, deltas }, at) => {
    const index = form.index === 'sparse' ? at * 70 + 3 : at;
    return [
      event('content_block_start', { index, content_block: start }),
      ...deltas.map((delta) => event('content_block_delta', { index, delta })),
      event('content_block_stop', { index }),
    ];
  });
  const message = { id: 'msg_1', type: 'message', role: 'assistant', model: 'fuzz', content: [], stop_reason: null };
  const usage = form.usage === 'none' ? {} : toldAtStart(turn.usage);
  return [
    event('message_start', { message: { ...message, usage } }),
    event('ping'),
    ...(form.isInterleaved ? interleave(streams) : streams.flat()),
    ...endingOf(turn, form),
  ];
}
