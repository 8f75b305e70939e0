import { HOSTILE_FIGURES, HOSTILE_POSITIONS } from '../hostile.ts';
import type { Form, Stream } from '../streams/stream.ts';
import { define, eventAt, isNode, placesIn } from './places.ts';
import { pick, type Twist, type TwistKind } from './twist.ts';

/** More levels of nesting than a recursive walk survives. */
const LEVELS = 60_000;

function blur({ truth }: Stream): void {
  truth.isClear = false;
  truth.isBroken = true;
}

/** Whether a second event like this one repeats its content, or adds to it. */
function saysMore(stream: Stream, data: unknown, form: Form): boolean {
  if (!isNode(data)) return false;
  const text = JSON.stringify(data);
  if (stream.wire === 'chat') return /"(content|reasoning_content)":"[^"]|"(tool_calls|reasoning_details)"/.test(text);
  if (stream.wire === 'messages') return data.type === 'content_block_delta';
  return form.items === 'text only' && data.type === 'response.output_text.delta';
}

function double(stream: Stream, { at }: Twist, form: Form): void {
  const event = pick(stream.events, at);
  if (!event) return;
  stream.events.splice(stream.events.indexOf(event), 0, structuredClone(event));
  if (!saysMore(stream, event.data, form)) return;
  blur(stream);
  const hasIds = form.ids === 'own';
  if (!hasIds) stream.truth.mayRepeat = true;
}

function doubleAll(stream: Stream, _: Twist, form: Form): void {
  const isTerminal = ({ name, data }: { name: string | null; data: unknown }) =>
    data === '[DONE]' || /message_stop|completed|incomplete/.test(name ?? '');
  const body = stream.events.filter((event) => !isTerminal(event));
  stream.events = [...body, ...structuredClone(body), ...stream.events.filter(isTerminal)];
  blur(stream);
  stream.truth.mayRepeat = form.ids !== 'own' || stream.wire === 'messages';
}

/** Changes the position in one event, or in all events with the same position. */
function setPosition(stream: Stream, { at, deep }: Twist): void {
  const key = { chat: 'index', messages: 'index', responses: 'output_index' }[stream.wire];
  const isPlace = (path: string[]) => stream.wire !== 'chat' || path.includes('tool_calls');
  const nodes = stream.events
    .flatMap(({ data }) => placesIn(data).filter(({ node, path }) => Object.hasOwn(node, key) && isPlace(path)))
    .map(({ node }) => node);
  const chosen = pick(nodes, at);
  if (!chosen) return;
  const known = chosen[key];
  const value = pick(HOSTILE_POSITIONS, deep);
  for (const node of at % 2 === 0 ? [chosen] : nodes.filter((other) => other[key] === known)) define(node, key, value);
  stream.truth.codes.push('PROVIDER_MALFORMED');
  if (value === null) blur(stream);
}

function setFigure(stream: Stream, { at, deep }: Twist): void {
  const isFigures = (path: string[]) => path.some((key) => /usage/.test(key));
  const figures = stream.events.flatMap(({ data }) =>
    placesIn(data)
      .filter(({ path }) => isFigures(path))
      .flatMap(({ node }) => Object.keys(node).map((key) => ({ node, key }))),
  );
  const figure = pick(figures, at);
  if (!figure) return;
  define(figure.node, figure.key, pick(HOSTILE_FIGURES, deep));
  stream.truth.usage = 'any';
}

function nodeAt(stream: Stream, at: number, deep: number): Record<string, unknown> | undefined {
  const places = placesIn(eventAt(stream, at)?.data);
  return pick(places, deep)?.node;
}

/** Adds a key to one object of an event, or to all objects. The key has no meaning, so the turn is the same. */
function addKey(stream: Stream, { at, deep, key, value }: Twist): void {
  const objects = placesIn(eventAt(stream, at)?.data).filter(({ node }) => !Array.isArray(node));
  const place = pick(objects, deep);
  for (const { node } of at % 2 === 0 ? objects : place ? [place] : []) define(node, key, value);
  stream.truth.opaque = [];
  stream.truth.isBroken = true;
}

function change(stream: Stream, { at, deep, value }: Twist, act: (node: Record<string, unknown>, key: string) => void) {
  const node = nodeAt(stream, at, deep);
  const key = node && pick(Object.keys(node), deep + at);
  if (node && key !== undefined) act(node, key);
  blur(stream);
  return value;
}

/** What a broken or hostile server does to events. */
export const CHANGING: Record<string, TwistKind> = {
  'an event doubled': { change: double },
  'all events doubled': { change: doubleAll },
  'two events swapped': {
    change: (stream, { at }) => {
      const { events } = stream;
      const place = at % Math.max(1, events.length - 1);
      events.splice(place, 0, ...events.splice(place + 1, 1));
      blur(stream);
    },
  },
  'an event left out': {
    change: (stream, { at }) => {
      stream.events.splice(at % stream.events.length, 1);
      blur(stream);
    },
  },
  'a key of another kind': { change: addKey },
  'an invalid position': { change: setPosition },
  'an invalid figure': { change: setFigure },
  'a value of another kind': {
    change: (stream, twist) => void change(stream, twist, (node, key) => define(node, key, twist.value)),
  },
  'a field left out': {
    change: (stream, twist) => void change(stream, twist, (node, key) => delete node[key]),
  },
  'a field that is null': {
    change: (stream, twist) => void change(stream, twist, (node, key) => define(node, key, null)),
  },
  'a value too deep': {
    change: (stream, { at, deep }) => {
      const event = eventAt(stream, at);
      const node = nodeAt(stream, at, deep);
      if (!event || !node || Array.isArray(node)) return;
      define(node, 'extra', '@deep');
      const nested = `${'['.repeat(LEVELS)}${']'.repeat(LEVELS)}`;
      event.data = JSON.stringify(event.data).replace('"@deep"', nested);
      stream.truth.codes.push('PROVIDER_MALFORMED', 'PROVIDER_REPLY_TOO_LARGE');
      stream.truth.opaque = [];
    },
  },
  'white space after a long call': {
    wires: ['chat'],
    say: ({ calls: [call] }) => {
      if (call) call.filler = 'x'.repeat(1_000_000);
    },
    change: ({ events }) => {
      const calls = events.flatMap((event) => {
        const place = placesIn(event.data).find(({ path }) => path.at(-2) === 'tool_calls');
        return place ? [{ event, index: place.node.index }] : [];
      });
      const last = calls.at(-1);
      if (!last) return;
      const data = {
        choices: [{ index: 0, delta: { tool_calls: [{ index: last.index, function: { arguments: ' ' } }] } }],
      };
      events.splice(events.indexOf(last.event) + 1, 0, ...Array.from({ length: 1_000 }, () => ({ name: null, data })));
    },
  },
  'blocks that start without text': {
    wires: ['messages'],
    change: ({ events }) => {
      for (const { node } of events.flatMap(({ data }) => placesIn(data))) {
        if (isNode(node.content_block) && node.content_block.type === 'text') delete node.content_block.text;
      }
    },
  },
  'content that is null': {
    wires: ['responses'],
    change: (stream) => {
      const messages = stream.events
        .flatMap(({ data }) => placesIn(data))
        .filter(({ node }) => node.type === 'message');
      for (const { node } of messages) node.content = null;
      stream.truth.codes.push('PROVIDER_MALFORMED', 'CHILD_EMPTY_ANSWER');
    },
  },
  'reasoning that is not sealed': {
    wires: ['responses'],
    change: (stream, { at }) => {
      const items = stream.events.flatMap(({ data }) => placesIn(data)).filter(({ node }) => node.type === 'reasoning');
      for (const { node } of items) {
        // Without a seal of that size, the reply may be small enough to keep.
        if (String(node.encrypted_content).length > 100_000) blur(stream);
        if (at % 2 === 0) delete node.encrypted_content;
        else node.encrypted_content = null;
      }
      stream.truth.opaque = [];
    },
  },
  'a response that failed as it completed': {
    wires: ['responses'],
    change: (stream) => {
      for (const { node } of stream.events.flatMap(({ data }) => placesIn(data))) {
        if (node.status !== 'completed' || !Object.hasOwn(node, 'output')) continue;
        Object.assign(node, { status: 'failed', error: { code: 'server_error', message: 'went wrong' } });
        stream.truth.codes.push('PROVIDER_FAILED');
        stream.truth.mustFail = true;
      }
    },
  },
  'a cost told': {
    wires: ['chat'],
    change: (stream) => {
      const places = stream.events.flatMap(({ data }) => placesIn(data));
      for (const { node } of places.filter(
        ({ path, node }) => path.at(-1) === 'usage' && Number(node.prompt_tokens) > 0,
      )) {
        node.cost = 0.0125;
        if (stream.truth.usage !== null) stream.truth.costUsd = 0.0125;
      }
    },
  },
};
