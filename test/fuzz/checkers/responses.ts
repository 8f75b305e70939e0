import { checkJson, type Fields, isFields, objectsIn, Pairing, Problems } from './json.ts';

function checkMessage(problems: Problems, where: string, { role, content }: Fields): void {
  if (role === 'user') problems.text(where, content);
  else if (role === 'assistant') checkAnswer(problems, where, content);
  else problems.add(where, `a role: ${JSON.stringify(role)}`);
}

function checkAnswer(problems: Problems, where: string, content: unknown): void {
  const parts = objectsIn(problems, where, content);
  if (parts.length === 0) problems.add(where, 'no content');
  for (const { type, text, refusal } of parts) {
    if (type === 'output_text') {
      if (typeof text !== 'string') problems.add(where, 'a text that is no string');
    } else if (type === 'refusal') problems.text(where, refusal);
    else problems.add(where, `a part of another type: ${JSON.stringify(type)}`);
  }
}

/** Checks a request of the responses wire by the rules of OpenAI; returns what OpenAI refuses. */
export function problemsOfResponses(body: unknown): string[] {
  const problems = new Problems();
  if (!isFields(body)) return ['the request is no object'];
  checkJson(problems, body.input);
  const pairing = new Pairing(problems);
  const ids = new Set<unknown>();
  const items = objectsIn(problems, 'input', body.input);
  if (items.length === 0) problems.add('input', 'no items');
  for (const [at, item] of items.entries()) {
    const where = `input[${at}]`;
    const { type = 'message', id } = item;
    if (id !== undefined && (typeof id !== 'string' || id === '')) problems.add(where, `an id: ${JSON.stringify(id)}`);
    if (id !== undefined && ids.has(id)) problems.add(where, `an item comes twice: ${id}`);
    ids.add(id);
    if (type === 'message') checkMessage(problems, where, item);
    else if (type === 'function_call') {
      pairing.call(where, item.call_id);
      problems.toolName(where, item.name);
      problems.argumentText(where, item.arguments);
    } else if (type === 'function_call_output') {
      pairing.result(where, item.call_id);
      if (typeof item.output !== 'string') problems.add(where, 'an output that is no text');
    } else if (type === 'reasoning') {
      if (!Array.isArray(item.summary)) problems.add(where, 'reasoning without a summary');
      if (body.store === false) problems.text(`${where}.encrypted_content`, item.encrypted_content);
    } else problems.add(where, `an item of another type: ${JSON.stringify(type)?.slice(0, 80)}`);
  }
  pairing.settle('the end');
  return problems.found;
}
