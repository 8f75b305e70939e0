/** One search. `violates`: the assertion it must break, as the verifier prints it; `null` where every one must hold. */
export type Variant = { name: string; defines: string[]; violates: string | null };

/** The assertions of the model, as the verifier prints them: names of states become their numbers. */
const ONE_OUTCOME = '(outcomes==1)';
const HELD_HAS_OPEN_ROW = '(row[mine]==5)';
const GONE_HAS_OUTCOME = '((job!=1)||(outcomes>0))';
const NOTHING_HELD_AT_THE_END = '!(isHeld[e])';
const NO_OPEN_ROW_AT_THE_END = '(row[e]!=5)';

const ONE_DEATH_ONE_LAPSE = ['CRASHES=1', 'LAPSES=1'];

/** What the code does, under different troubles: budgets that a search of seconds covers whole. */
export const SOUND: Variant[] = [
  { name: 'two deaths', defines: ['CRASHES=2'], violates: null },
  { name: 'two lapses', defines: ['LAPSES=2'], violates: null },
  { name: 'a death, a retry, a release that fails', defines: ['CRASHES=1', 'RETRIES=1', 'FAULTS=1'], violates: null },
  {
    name: 'a worker that is its own heir',
    defines: ['OWN_HEIR', 'LAPSES=1', 'RETRIES=1', 'FAULTS=1'],
    violates: null,
  },
  { name: 'a death and a lapse', defines: ONE_DEATH_ONE_LAPSE, violates: null },
];

/** One rule taken away from each, so that the model shows what the rule is for. */
export const BROKEN: Variant[] = [
  { name: 'no fence', defines: [...ONE_DEATH_ONE_LAPSE, 'NO_FENCE'], violates: ONE_OUTCOME },
  {
    name: 'the row after acquiring',
    defines: [...ONE_DEATH_ONE_LAPSE, 'ROW_AFTER_ACQUIRE'],
    violates: NOTHING_HELD_AT_THE_END,
  },
  {
    name: 'reclaim on silence',
    defines: [...ONE_DEATH_ONE_LAPSE, 'RECLAIM_ON_SILENCE'],
    violates: HELD_HAS_OPEN_ROW,
  },
  {
    name: 'surrender ends the job',
    defines: [...ONE_DEATH_ONE_LAPSE, 'SURRENDER_ENDS_JOB'],
    violates: GONE_HAS_OUTCOME,
  },
  { name: 'no sweep', defines: [...ONE_DEATH_ONE_LAPSE, 'NO_SWEEP'], violates: NO_OPEN_ROW_AT_THE_END },
];
