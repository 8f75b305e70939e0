import { checkJson, type Fields, isFields, objectsIn, Pairing, Problems } from './json.ts';

function checkText(problems: Problems, where: string, text: unknown): void {
  if (typeof text !== 'string' || text.trim() === '') problems.add(where, 'a text block without text');
}

function checkAnswer(problems: Problems, where: string, block: Fields, pairing: Pairing): void {
  if (block.type === 'text') checkText(problems, where, block.text);
  else if (block.type === 'thinking') {
    if (typeof block.thinking !== 'string') problems.add(where, 'thinking that is no text');
    problems.text(`${where}.signature`, block.signature);
  } else if (block.type === 'redacted_thinking') problems.text(`${where}.data`, block.data);
  else if (block.type === 'tool_use') {
    pairing.call(where, block.id);
    problems.toolName(where, block.name);
    if (!isFields(block.input))
      problems.add(where, `an input that is no object: ${JSON.stringify(block.input)?.slice(0, 80)}`);
  } else problems.add(where, `a block of another type: ${JSON.stringify(block.type)?.slice(0, 80)}`);
}

function checkQuestion(problems: Problems, where: string, block: Fields, pairing: Pairing): void {
  if (block.type === 'text') checkText(problems, where, block.text);
  else if (block.type === 'tool_result') {
    pairing.result(where, block.tool_use_id);
    if (typeof block.content !== 'string') problems.add(where, 'a result that is no text');
  } else problems.add(where, `a block of another type: ${JSON.stringify(block.type)?.slice(0, 80)}`);
}

/** Checks a request of the messages wire by the rules of Anthropic; returns what Anthropic refuses. */
export function problemsOfMessages(body: unknown): string[] {
  const problems = new Problems();
  if (!isFields(body)) return ['the request is no object'];
  checkJson(problems, body.messages);
  const pairing = new Pairing(problems);
  for (const [at, { role, content }] of objectsIn(problems, 'messages', body.messages).entries()) {
    const where = `messages[${at}]`;
    if (role !== (at % 2 === 0 ? 'user' : 'assistant'))
      problems.add(where, `a role: ${JSON.stringify(role)} out of turn`);
    if (typeof content === 'string') checkText(problems, where, content);
    else {
      const blocks = objectsIn(problems, where, content);
      if (blocks.length === 0) problems.add(where, 'no content');
      const check = role === 'assistant' ? checkAnswer : checkQuestion;
      for (const [place, block] of blocks.entries()) check(problems, `${where}[${place}]`, block, pairing);
    }
    if (role === 'user') pairing.settle(where);
  }
  return problems.found;
}
