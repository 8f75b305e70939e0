/** What a storm came to, as `--json` prints it. */
export type Report = {
  tasks: number;
  kills: number;
  stops: number;
  redis_faults: number;
  proxy_faults: number;
  provider_faults: number;
  cancels: number;
  seed: number;
  seconds: number;
  /** Tasks without an outcome, or with one that says that the queue lost them. */
  lost: number;
  duplicate_finals: number;
  open_rows: number;
  /** Rows of cleanup records whose evidence is unknown. */
  rows_without_evidence: number;
  leaked_dirs: number;
  leaked_processes: number;
  /** Sessions at the services of the tools, and servers of tools, that nothing ends any more. */
  leaked_sessions: number;
  leaked_leases: number;
  /** Effects of tools, by the file of their servers. */
  effects: number;
  /** Calls of effect tools that outcomes list as interrupted. */
  effects_interrupted: number;
  effects_repeated: number;
  /** Effects of tasks that succeeded, which neither happened nor are listed as interrupted. */
  effects_unreported: number;
  /** Turns that the provider answered whole more than once, each time counted. */
  calls_paid_twice: number;
  /** Those of them that the outcome of their task does not tell of. */
  calls_unreported: number;
  calls: number;
  recovery_p50_ms: number;
  recovery_p99_ms: number;
  unsettled_batches: number;
  wrong_answers: number;
  /** Workers that ended without being killed, or did not end when they were asked to. */
  workers_failed: number;
  ended: Record<string, number>;
  /** Failed tasks by code. */
  failures: Record<string, number>;
};

/** What must be 0 after every storm. */
const LOSSES = [
  'lost',
  'duplicate_finals',
  'open_rows',
  'rows_without_evidence',
  'leaked_dirs',
  'leaked_processes',
  'leaked_sessions',
  'leaked_leases',
  'effects_repeated',
  'effects_unreported',
  'calls_unreported',
  'unsettled_batches',
  'wrong_answers',
  'workers_failed',
] as const satisfies (keyof Report)[];

/** The losses and leaks that are not 0. None: the storm was weathered. */
export function lossesIn(report: Report): string[] {
  return LOSSES.filter((name) => report[name] !== 0);
}

/** The value below which this share of the values lies; 0 where there are none. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0;
}

/** The report in one line. */
export function lineOf(report: Report): string {
  const before = [
    `${report.tasks} tasks`,
    `${report.kills} kills`,
    `${report.stops} stops`,
    `${report.redis_faults} Redis faults`,
    `${report.proxy_faults} proxy faults`,
    `${report.provider_faults} provider faults`,
    `${report.cancels} cancels`,
    `seed ${report.seed}`,
    `${report.seconds} s`,
  ];
  const after = [
    `lost ${report.lost}`,
    `duplicate finals ${report.duplicate_finals}`,
    `open rows ${report.open_rows}`,
    `without evidence ${report.rows_without_evidence}`,
    `leaked directories ${report.leaked_dirs}`,
    `processes ${report.leaked_processes}`,
    `sessions ${report.leaked_sessions}`,
    `leases ${report.leaked_leases}`,
    `effects repeated ${report.effects_repeated} of ${report.effects}`,
    `interrupted ${report.effects_interrupted}`,
    `calls paid twice ${report.calls_paid_twice} of ${report.calls}`,
    `recovery p50 ${report.recovery_p50_ms} ms`,
    `p99 ${report.recovery_p99_ms} ms`,
  ];
  return `${before.join(', ')} → ${after.join(', ')}`;
}
