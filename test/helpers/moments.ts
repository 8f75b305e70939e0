import type { Observer } from '../../src/telemetry/observer.ts';
import type { Step } from '../../src/telemetry/step.ts';

/** A moment in the life of an attempt: a step that begins or has ended. */
type Moment = { name: Step['name']; phase: 'begin' | 'end'; of?: (step: Step) => boolean };

const holdsLease = (step: Step) => step.name === 'acquire' && step.kinds.includes('credential_lease');

/**
 * The moments at which tests end, stop or watch a worker, in the order of an attempt; an attempt need not pass them
 * all.
 */
const AT = {
  opened: { name: 'attempt', phase: 'begin' },
  intent: { name: 'acquire', phase: 'begin' },
  acquired: { name: 'acquire', phase: 'end' },
  leased: { name: 'acquire', phase: 'end', of: holdsLease },
  built: { name: 'build', phase: 'end' },
  mid_stream: { name: 'text', phase: 'begin' },
  turn_recorded: { name: 'record_turn', phase: 'end' },
  unwinding: { name: 'unwind', phase: 'begin' },
  releasing: { name: 'release', phase: 'begin' },
  unwound: { name: 'unwind', phase: 'end' },
  closing: { name: 'record', phase: 'begin' },
  closed: { name: 'record', phase: 'end' },
  telling_queue: { name: 'tell_queue', phase: 'begin' },
  told_queue: { name: 'told_queue', phase: 'begin' },
} as const satisfies Record<string, Moment>;

/** The name of a moment. */
export type MomentName = keyof typeof AT;

/** The names of all moments, in order. */
export const MOMENTS = Object.keys(AT) as MomentName[];

/** Tells whether this is the name of a moment. */
export function isMoment(name: string | undefined): name is MomentName {
  return name !== undefined && Object.hasOwn(AT, name);
}

/**
 * Makes an observer that calls `act` at each moment of this name, with the id of the task. The worker waits for `act`.
 */
export function at(name: MomentName, act: (taskId: string) => void): Observer {
  const moment: Moment = AT[name];
  const actAt = (phase: Moment['phase'], step: Step) => {
    const isMoment = phase === moment.phase && step.name === moment.name && (moment.of?.(step) ?? true);
    if (isMoment && 'taskId' in step) act(step.taskId);
  };
  return {
    begin(step) {
      actAt('begin', step);
      return () => actAt('end', step);
    },
  };
}
