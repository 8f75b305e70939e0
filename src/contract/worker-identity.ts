import { z } from 'zod';
import { stored } from './stored.ts';

/**
 * What tells one start of one worker from every other: enough for someone on the same machine to prove that it is dead.
 *
 * `birth` is the start time of the process in the kernel's ticks, so that a reused pid is told apart. `boot_id` changes
 * with every boot of the machine; a pid means something only within its namespace. `seat` is a place on the host that the
 * platform fills with one worker at a time, such as the container of a pod. `lock_duration_ms` says when it gives its tasks
 * up where it is cut off; earlier versions did not tell.
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
