import { expect, test } from 'vitest';
import { runTurn } from '../../src/agent/turn-calls.ts';

/** A call: a read or a write, with its name. Its end is told by the test. */
type Call = { name: string; isRead: boolean };

const reads = (count: number): Call[] => Array.from({ length: count }, (_, at) => ({ name: `r${at}`, isRead: true }));
const callsOf = (names: string): Call[] => names.split(' ').map((name) => ({ name, isRead: name.startsWith('r') }));
const live = () => new AbortController().signal;
const isRead = (call: Call) => call.isRead;

/** Runs the calls and keeps what began and ended, and how many ran at once. */
async function running(calls: Call[]) {
  const log: string[] = [];
  let [now, max] = [0, 0];
  const run = async ({ name }: Call) => {
    log.push(`+${name}`);
    max = Math.max(max, ++now);
    await new Promise((resolve) => setImmediate(resolve));
    now--;
    log.push(`-${name}`);
    return name;
  };
  const results = await runTurn({ calls, isRead, run }, live());
  return { log, max, results };
}

test('200 reads in one turn run 8 at a time, and their results keep the order', async () => {
  const calls = reads(200);
  const { max, results } = await running(calls);
  expect(max).toBe(8);
  expect(results).toEqual(calls.map(({ name }) => name));
});

test('a read waits for earlier writes, a write for every earlier call', async () => {
  const { log, results } = await running(callsOf('r1 r2 w3 w4 r5 r6'));
  expect(log).toEqual('+r1 +r2 -r1 -r2 +w3 -w3 +w4 -w4 +r5 +r6 -r5 -r6'.split(' '));
  expect(results).toEqual('r1 r2 w3 w4 r5 r6'.split(' '));
});

test('a call that rejects ends the calls beside it before the turn rejects', async () => {
  const log: string[] = [];
  const failure = new Error('timed out');
  const run = async ({ name }: Call, at: number, signal: AbortSignal) => {
    log.push(`+${name}`);
    if (at === 3) throw failure;
    await new Promise<void>((resolve) => signal.addEventListener('abort', () => setImmediate(resolve)));
    log.push(`-${name}`);
    throw signal.reason;
  };
  await expect(runTurn({ calls: reads(20), isRead, run }, live())).rejects.toBe(failure);
  expect(log.filter((entry) => entry.startsWith('+'))).toHaveLength(8);
  expect(log.filter((entry) => entry.startsWith('-'))).toHaveLength(7);
});

test('an abort ends the turn with its reason, and no further call starts', async () => {
  const controller = new AbortController();
  const started: string[] = [];
  const run = async ({ name }: Call) => {
    if (started.push(name) === 10) controller.abort(new Error('cancelled'));
    await new Promise((resolve) => setImmediate(resolve));
    return name;
  };
  await expect(runTurn({ calls: reads(50), isRead, run }, controller.signal)).rejects.toThrow('cancelled');
  expect(started.length).toBeLessThan(20);
});
