import { expect, test } from 'vitest';
import { ChatCalls } from '../../../src/providers/wires/chat-calls.ts';
import { ReplyLimits } from '../../../src/providers/wires/reply-limits.ts';
import { ResponsesItems } from '../../../src/providers/wires/responses-items.ts';

/** Many times what each takes, and a small part of what it took while its cost was quadratic. */
const LIMIT_MS = 500;

/** The CPU time of this thread that the work takes, so that a busy machine does not count. */
function cpuMsOf(work: () => void): number {
  const usedMs = () => Object.values(process.threadCpuUsage()).reduce((sum, used) => sum + used, 0) / 1000;
  const before = usedMs();
  work();
  return usedMs() - before;
}

test.each([
  ['whole', `{"a":"${'x'.repeat(2_000_000)}"}`],
  ['closed and no JSON', `{"a":"${'x'.repeat(2_000_000)}",}`],
])('white space after a long call that is %s is cheap to read', (_, args) => {
  const calls = new ChatCalls(new ReplyLimits());
  calls.add([{ index: 0, id: 'call_a', function: { name: 'look', arguments: args } }]);
  const spend = () => {
    for (let count = 0; count < 700; count++) calls.add([{ index: 0, function: { arguments: ' ' } }]);
  };
  expect(cpuMsOf(spend)).toBeLessThan(LIMIT_MS);
  expect(calls.all.map((call) => call.arguments.trim() === args)).toEqual([true]);
});

test('items of the same length at one index, without ids, are cheap to tell apart', () => {
  const items = new ResponsesItems(new ReplyLimits());
  const message = (number: number) => ({
    type: 'message',
    role: 'assistant',
    content: [{ type: 'output_text', text: `${'x'.repeat(2_500)}${10_000 + number}` }],
  });
  const spend = () => {
    for (let number = 0; number < 1_000; number++) items.put(0, message(number), true);
  };
  expect(cpuMsOf(spend)).toBeLessThan(LIMIT_MS);
  expect(items.all([])).toHaveLength(1_000);
});

test('thoughts that are sealed by the terminal event are found quickly in a long list', () => {
  const items = new ResponsesItems(new ReplyLimits());
  for (let number = 0; number < 1_000; number++)
    items.put(0, { type: 'reasoning', id: `r${number}`, summary: [] }, true);
  items.put(1, { type: 'message', id: 'm', content: [{ type: 'output_text', text: 'x' }] }, true);
  const output = Array.from({ length: 100_000 }, (_, number) => ({
    type: 'reasoning',
    id: `r${100_000 - number}`,
    encrypted_content: 'seal',
  }));
  expect(cpuMsOf(() => items.all(output))).toBeLessThan(LIMIT_MS);
  expect(items.all(output)[1]).toMatchObject({ id: 'r1', encrypted_content: 'seal' });
});
