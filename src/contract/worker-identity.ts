import { z } from 'zod';
import { stored } from './stored.ts';

/**
 * Identifies one start of one worker. Another process on the same machine can use it to prove that the worker is dead.
 *
 * `birth` is the start time of the process in kernel ticks, which distinguishes a reused pid. `boot_id` changes with
 * every boot of the machine. A pid is valid only within its namespace. `seat` is a place on the host for one worker at
 * a time, such as the container of a pod. `lock_duration_ms` says after how long a worker without Redis loses its
 * tasks; earlier versions did not write it.
 */
export const WorkerIdentity = stored({
  version: z.literal(1),
  instance: z.string(),
  name: z.string(),
  host: z.string(),
  seat: z.string().optional(),
  boot_id: z.string(),
  pid_namespace: z.string(),
  pid: z.number().int().positive(),
  birth: z.string(),
  lock_duration_ms: z.number().int().positive().optional(),
  started_at: z.iso.datetime(),
});
export type WorkerIdentity = z.infer<typeof WorkerIdentity>;
