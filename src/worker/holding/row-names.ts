import type { ResourceKind, RowNames } from '../../agent/resource.ts';
import { parseTaskId } from '../../base/ids.ts';
import type { LedgerRow } from '../../contract/cleanup.ts';
import { isOfWorker, type Row } from '../../records/row.ts';

/** The name of a resource, if an attempt has several resources of one kind. */
const OWN_NAME = /^[\w-]{1,100}$/;

/** Returns the id of a ledger row. */
export function rowIdOf({ epoch, ref }: Pick<LedgerRow, 'epoch' | 'ref'>, kind: ResourceKind): string {
  return `${epoch}.${kind.kind}.${kind.rowName?.(ref) ?? ref}`;
}

/** Returns the names in a row, for the checks and releases of its kind. */
export function namesOf({ taskId, id, entry }: Row): RowNames {
  return { taskId, epoch: entry.epoch, rowId: id, ref: entry.ref };
}

/**
 * Says why a row must not be acted on, or `null` if its names follow from its task and epoch.
 *
 * Rows come from Redis. A writer of Redis must not be able to name a directory, a process or a response outside this
 * deployment, so each name is computed again and compared. Proof that only the resource itself can give (the tag of a
 * process, the mark of a response) is checked when it is released.
 */
export function whyNotBelieved(row: Row, kind: ResourceKind): string | null {
  const { taskId, id, entry } = row;
  if (parseTaskId(taskId) === null && !isOfWorker(row)) return 'its task id is invalid';
  if (id !== rowIdOf(entry, kind)) return 'its id does not match its epoch, kind and ref';
  return kind.doubt ? kind.doubt(namesOf(row)) : derivedDoubt(namesOf(row));
}

/**
 * The check for a kind without its own: the reference starts with the task and the epoch, so it names nothing of other
 * tasks.
 */
function derivedDoubt({ taskId, epoch, ref }: RowNames): string | null {
  const own = `${taskId}.${epoch}`;
  if (ref === own || (ref.startsWith(`${own}.`) && OWN_NAME.test(ref.slice(own.length + 1)))) return null;
  return 'expected the reference "<task id>.<epoch>" or "<task id>.<epoch>.<name>", because its kind has no function doubt';
}
