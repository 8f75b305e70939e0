import { expect, test } from 'vitest';
import { EffectJournal } from '../../src/agent/effect-journal.ts';
import type { EffectCall } from '../../src/contract/effect-call.ts';

const call = { id: '1.1', call_id: 'c1', tool: 'send' };
const sent = { call_id: 'c1', text: 'sent', is_error: false };
const live = new AbortController().signal;

/** A journal, with everything that is written and run, in its order. */
function aJournal(recorded: EffectCall[] = []) {
  const log: string[] = [];
  const journal = new EffectJournal(recorded, async ({ result }) => {
    log.push(result ? 'result' : 'intent');
  });
  const send = async () => {
    log.push('ran');
    return sent;
  };
  return { journal, log, send };
}

test('writes a call down, runs it, and writes its result down', async () => {
  const { journal, log, send } = aJournal();
  expect(await journal.once(call, live, send)).toEqual(sent);
  expect(log).toEqual(['intent', 'ran', 'result']);
  expect(journal.calls).toEqual([{ version: 1, ...call, result: sent }]);
});

test('gives the recorded result of a call instead of running it', async () => {
  const { journal, log, send } = aJournal([{ version: 1, ...call, result: sent }]);
  expect(await journal.once(call, live, send)).toEqual(sent);
  expect(log).toEqual([]);
});

test('says of a call without a result that nobody knows, and does not run it', async () => {
  const { journal, log, send } = aJournal([{ version: 1, ...call }]);
  expect(await journal.once(call, live, send)).toMatchObject({
    call_id: 'c1',
    text: expect.stringMatching(/^Outcome unknown/),
    is_error: true,
  });
  expect(log).toEqual([]);
  expect(journal.calls).toEqual([{ version: 1, ...call }]);
});

test('runs nothing that could not be written down', async () => {
  const { log, send } = aJournal();
  const journal = new EffectJournal([], () => Promise.reject(new Error('refused')));
  await expect(journal.once(call, live, send)).rejects.toThrow('refused');
  expect([log, journal.calls]).toEqual([[], []]);
});

test('runs nothing once the attempt is aborted, and does not call it interrupted', async () => {
  const { log, send } = aJournal();
  const controller = new AbortController();
  const journal = new EffectJournal([], async () => controller.abort(new Error('cancelled')));
  await expect(journal.once(call, controller.signal, send)).rejects.toThrow('cancelled');
  expect([log, journal.calls]).toEqual([[], []]);
});

test('keeps a call that was cut short without a result', async () => {
  const { journal, log } = aJournal();
  const cut = () => Promise.reject(new Error('lock lost'));
  await expect(journal.once(call, live, cut)).rejects.toThrow('lock lost');
  expect(log).toEqual(['intent']);
  expect(journal.calls).toEqual([{ version: 1, ...call }]);
});
