import { expect, test } from 'vitest';
import { slotRefusalOf } from '../../src/redis/slot-refusal.ts';

const NAMED = /^Point REDIS_URL at (.*), or at a name that follows the slot\.$/;

function nodeNamedBy(redirection: string): string | undefined {
  return NAMED.exec(slotRefusalOf(redirection, { host: 'redis.internal' })?.remedy ?? '')?.[1];
}

test.each([
  ['MOVED 3999 10.0.0.7:6380', '10.0.0.7:6380'],
  ['MOVED 3999 redis-2.redis.svc:6379', 'redis-2.redis.svc:6379'],
  ['MOVED 3999 ::1:6380', '[::1]:6380'],
  ['MOVED 3999 :6380', 'redis.internal:6380'],
])('%s names %s', (redirection, node) => {
  expect(nodeNamedBy(redirection)).toBe(node);
});

test.each([
  ['MOVED 3999 ?:6380'],
  ['MOVED 3999 10.0.0.7:0'],
  ['MOVED 3999 10.0.0.7:65536'],
  ['MOVED 3999 10.0.0.7'],
  ['MOVED 3999 user@10.0.0.7:6380'],
  ['MOVED 3999 $(reboot):6380'],
  ['MOVED 3999 \u001b[2J10.0.0.7:6380'],
  ['MOVED 3999 10.0.0.7:6380\nREDIS_URL=redis://elsewhere'],
  [`MOVED 3999 ${'a'.repeat(300)}:6380`],
  ['MOVED'],
])('%j names no node that could be an address', (redirection) => {
  expect(slotRefusalOf(redirection)).toMatchObject({ status: 'elsewhere', message: expect.stringMatching(/^[ -~]+$/) });
  expect(nodeNamedBy(redirection)).toBe('the node that holds the slot');
});

test('what a slot does is read from the first word', () => {
  const statusOf = (text: string) => slotRefusalOf(text)?.status ?? null;
  expect(statusOf('ASK 3999 10.0.0.7:6380')).toBe('moving');
  expect(statusOf('TRYAGAIN Multiple keys request during rehashing of slot')).toBe('moving');
  expect(statusOf('CLUSTERDOWN Hash slot not served')).toBe('down');
  expect(statusOf("CROSSSLOT Keys in request don't hash to the same slot")).toBe('elsewhere');
  expect(statusOf('READONLY You can not write against a read only replica.')).toBeNull();
  expect(statusOf('ERR value is MOVED 3999 10.0.0.7:6380')).toBeNull();
});
