import { expect, test, vi } from 'vitest';
import { during, type Observer, observers, unobserved } from '../../src/telemetry/observer.ts';
import type { Fact, StepEnd, Work } from '../../src/telemetry/step.ts';

const STEP: Work = { name: 'unwind', taskId: 'a', epoch: 1 };
const FACT: Fact = { name: 'told_queue', taskId: 'a' };

/** An observer that writes down what it sees, and the report of the faults of all observers. */
function aWitness() {
  const seen: string[] = [];
  const witness: Observer = {
    begin(step) {
      seen.push(`begin ${step.name}`);
      return (end) => seen.push(`end ${step.name}: ${end.status}`);
    },
  };
  return { seen, witness, report: vi.fn() };
}

/** An observer of a program without types. */
function untyped(begin: () => unknown): Observer {
  return { begin } as Observer;
}

const throws = () => {
  throw new Error('broken');
};

test.each<[string, Observer]>([
  ['at the beginning of a step', { begin: throws }],
  ['at the end of a step', { begin: () => throws }],
  ['in an async function at the end of a step', { begin: () => async () => throws() }],
  ['with a promise in place of the end', untyped(async () => throws())],
])('an observer that throws %s is reported once and harms nobody', async (_when, broken) => {
  const { seen, witness, report } = aWitness();
  const all = observers([broken, witness], report);
  expect(await during(all, STEP, async () => 'done')).toBe('done');
  expect(await during(all, STEP, async () => 'done again')).toBe('done again');
  expect(seen).toEqual(['begin unwind', 'end unwind: done', 'begin unwind', 'end unwind: done']);
  await vi.waitFor(() => expect(report).toHaveBeenCalledTimes(1));
  expect(report).toHaveBeenCalledWith(expect.objectContaining({ message: 'broken' }));
});

test('an observer that returns no function harms nobody', () => {
  const { report } = aWitness();
  const all = observers([untyped(() => undefined)], report);
  expect(() => all.begin(STEP)({ status: 'done' })).not.toThrow();
  expect(report).not.toHaveBeenCalled();
});

test('a step whose work throws ends as failed, and the error goes on', async () => {
  const { seen, witness, report } = aWitness();
  const ends: StepEnd[] = [];
  const all = observers([witness, { begin: () => (end) => ends.push(end) }], report);
  const error = new Error('no');
  await expect(during(all, STEP, () => Promise.reject(error))).rejects.toBe(error);
  expect(seen).toEqual(['begin unwind', 'end unwind: failed']);
  expect(ends).toEqual([{ status: 'failed', error }]);
});

test('a step that no observer wants to see the end of costs no function of its own', () => {
  const { report } = aWitness();
  const all = observers([{ begin: () => unobserved }, { begin: () => unobserved }], report);
  expect(all.begin(FACT)).toBe(unobserved);
  expect(observers([], report).begin(FACT)).toBe(unobserved);
});
