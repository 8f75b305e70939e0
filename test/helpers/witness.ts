import type { Observer } from '../../src/telemetry/observer.ts';
import type { Step, StepEnd } from '../../src/telemetry/step.ts';

/** An observer that stores the steps it sees, in order. */
export type Witness = Observer & {
  /** The steps that began, of these names. */
  steps: <N extends Step['name']>(...names: N[]) => Extract<Step, { name: N }>[];
  /** The results of the ended steps of a name. */
  ends: (name: Step['name']) => StepEnd[];
};

/** Makes an observer that remembers what it sees. */
export function aWitness(): Witness {
  const begun: Step[] = [];
  const ended: { name: Step['name']; end: StepEnd }[] = [];
  return {
    begin(step) {
      begun.push(step);
      return (end) => ended.push({ name: step.name, end });
    },
    steps: <N extends Step['name']>(...names: N[]) =>
      begun.filter((step): step is Extract<Step, { name: N }> => names.some((name) => name === step.name)),
    ends: (name) => ended.filter((known) => known.name === name).map(({ end }) => end),
  };
}
