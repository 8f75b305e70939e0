import { checkJson, type Fields, isFields, objectsIn, Pairing, Problems } from './json.ts';

const PARTS = new Set(['text', 'refusal', 'thinking']);

function checkContent(problems: Problems, where: string, { content, tool_calls }: Fields): void {
  if (content === null || content === undefined) {
    if (!Array.isArray(tool_calls)) problems.add(where, 'neither content nor calls');
    return;
  }
  if (typeof content === 'string') {
    if (content === '' && !Array.isArray(tool_calls)) problems.add(where, 'empty content and no calls');
    return;
  }
  const parts = objectsIn(problems, `${where}.content`, content);
  if (parts.length === 0 && !Array.isArray(tool_calls)) problems.add(where, 'no parts and no calls');
  for (const { type, text } of parts) {
    if (typeof type !== 'string' || !PARTS.has(type))
      problems.add(where, `a part of another type: ${JSON.stringify(type)}`);
    if (type === 'text') problems.text(`${where}.text`, text);
  }
}

function checkCalls(problems: Problems, where: string, { tool_calls }: Fields, pairing: Pairing): void {
  if (tool_calls === undefined) return;
  const calls = objectsIn(problems, `${where}.tool_calls`, tool_calls);
  if (calls.length === 0) problems.add(where, 'an empty list of calls');
  for (const { id, type, function: called } of calls) {
    pairing.call(where, id);
    if (type !== 'function') problems.add(where, `a call of another type: ${JSON.stringify(type)}`);
    if (!isFields(called)) {
      problems.add(where, 'a call without a function');
      continue;
    }
    problems.toolName(where, called.name);
    problems.argumentText(where, called.arguments);
  }
}

/** Checks a request of the chat wire by the rules of its vendors; returns what they would refuse. */
export function problemsOfChat(body: unknown): string[] {
  const problems = new Problems();
  if (!isFields(body)) return ['the request is no object'];
  checkJson(problems, body.messages);
  // The ids of one turn must differ; vendors let a later turn use them again.
  let pairing = new Pairing(problems);
  for (const [at, message] of objectsIn(problems, 'messages', body.messages).entries()) {
    const where = `messages[${at}]`;
    if (message.role !== 'tool') pairing.settle(where);
    if (message.role === 'system' || message.role === 'user') problems.text(`${where}.content`, message.content);
    else if (message.role === 'tool') {
      pairing.result(where, message.tool_call_id);
      if (typeof message.content !== 'string') problems.add(where, 'a result that is no text');
    } else if (message.role === 'assistant') {
      pairing = new Pairing(problems);
      checkContent(problems, where, message);
      checkCalls(problems, where, message, pairing);
    } else problems.add(where, `a role: ${JSON.stringify(message.role)}`);
  }
  pairing.settle('the end');
  return problems.found;
}
