import type { Redactor } from '../base/secret.ts';
import type { CredentialResolver } from '../credentials/resolver.ts';
import type { Catalogue } from '../providers/catalogue.ts';
import type { Models } from '../providers/models.ts';
import type { TaskRecords } from '../records/task-records.ts';
import type { Telemetry } from '../telemetry/telemetry.ts';
import type { ActiveAttempts } from './active-attempts.ts';
import type { Admission } from './admission.ts';

/** What a deployment lets every child use, where the task says nothing. */
export type DefaultBudget = {
  turns: number;
  seconds: number;
  tokens?: number | undefined;
  output_tokens_per_turn: number;
};

/** What running a task takes. All of it is built once per worker. */
export type TaskDeps = {
  records: TaskRecords;
  admission: Admission;
  active: ActiveAttempts;
  catalogue: Catalogue;
  credentials: CredentialResolver;
  models: Models;
  redactor: Redactor;
  telemetry: Telemetry;
  workerName: string;
  /** Directory under which each attempt gets its workspace. */
  workspaceRoot: string;
  budget: DefaultBudget;
};
