import { argumentsOf, argumentTextOf, type TurnPlan, tokenOf, type UsagePlan } from '../conversation.ts';
import { cut, type Form, idOf, interleave, type WireEvent } from './stream.ts';

type Json = Record<string, unknown>;

function event(type: string, fields: Json): WireEvent {
  return { name: type, data: { type, ...fields } };
}

function itemsOf(turn: TurnPlan, number: number, form: Form): Json[] {
  const texts = (form.isApart ? turn.pieces : [turn.pieces.join('')]).filter((text) => text !== '');
  return [
    ...turn.thoughts.map(({ seal }, at) => ({
      type: 'reasoning',
      id: `rs_${number}_${at}`,
      summary: [],
      encrypted_content: seal,
    })),
    ...texts.map((text, at) => ({
      type: 'message',
      ...(form.ids === 'missing' || form.ids === 'empty' ? {} : { id: `msg_${number}_${at}` }),
      role: 'assistant',
      status: 'completed',
      content: [{ type: 'output_text', text, annotations: [], logprobs: [] }],
    })),
    ...turn.calls.map((plan, at) => {
      const token = tokenOf(number, at);
      const { id, ...none } = idOf(form, `call_${token}`);
      return {
        type: 'function_call',
        id: `fc_${token}`,
        ...(id === undefined ? none : { call_id: id }),
        name: plan.name ?? plan.tool,
        arguments: form.args === 'object' ? argumentsOf(plan, token) : argumentTextOf(plan, token),
        status: 'completed',
      };
    }),
  ];
}

function growthOf(item: Json, index: number, form: Form): WireEvent[] {
  const place = { output_index: index, item_id: item.id };
  if (item.type === 'message') {
    const [{ text = '' } = {}] = item.content as { text?: string }[];
    const part = { type: 'output_text', text: '', annotations: [] };
    return [
      event('response.content_part.added', { ...place, content_index: 0, part }),
      ...cut(text, form.piece).map((delta) =>
        event('response.output_text.delta', { ...place, content_index: 0, delta }),
      ),
      event('response.output_text.done', { ...place, content_index: 0, text }),
    ];
  }
  if (item.type !== 'function_call' || typeof item.arguments !== 'string') return [];
  return [
    ...cut(item.arguments, form.piece).map((delta) =>
      event('response.function_call_arguments.delta', { ...place, delta }),
    ),
    event('response.function_call_arguments.done', { ...place, arguments: item.arguments }),
  ];
}

function indexOf({ index }: Form, position: number): number {
  if (index === 'zero') return 0;
  return index === 'sparse' ? position * 70 + 3 : position;
}

function eventsOf(item: Json, position: number, form: Form): WireEvent[] {
  const index = indexOf(form, position);
  const growth = growthOf(item, index, form);
  if (form.items === 'text only') return growth.filter(({ name }) => name === 'response.output_text.delta');
  const added = event('response.output_item.added', { output_index: index, item: { ...item, status: 'in_progress' } });
  const done = event('response.output_item.done', { output_index: index, item });
  return [added, ...growth, ...(form.items === 'end only' ? [] : [done])];
}

function toldOf({ input, cached, output, reasoning }: UsagePlan): Json {
  return {
    input_tokens: input,
    input_tokens_details: { cached_tokens: cached },
    output_tokens: output,
    output_tokens_details: { reasoning_tokens: reasoning },
    total_tokens: input + output,
  };
}

/** Renders a turn as the events of a response. */
export function responsesEvents(turn: TurnPlan, number: number, form: Form): WireEvent[] {
  const items = itemsOf(turn, number, form);
  const growing = items.map((item, at) => eventsOf(item, at, form));
  const hasOutput = form.items === 'both' || form.items === 'end only';
  const zeros = { input_tokens: 0, output_tokens: 0, total_tokens: 0 };
  const placeholder = { none: null, empty: {}, zeros }[form.placeholder];
  const response = { id: `resp_${number}`, object: 'response', model: 'fuzz', status: 'in_progress', output: [] };
  const [status, details] = form.word === undefined ? ['completed', null] : ['incomplete', { reason: form.word }];
  const end = {
    ...response,
    status,
    incomplete_details: details,
    output: hasOutput ? items : [],
    usage: form.usage === 'none' ? placeholder : toldOf(turn.usage),
  };
  const events = [
    event('response.created', { response }),
    event('response.in_progress', { response }),
    ...(form.isInterleaved ? interleave(growing) : growing.flat()),
    event(`response.${status}`, { response: end }),
  ];
  return events.map(({ name, data }, sequence_number) => ({ name, data: { ...(data as Json), sequence_number } }));
}
