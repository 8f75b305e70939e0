/** The nesting of a job: `limits.max_depth` is 1,000 at most, and a job adds three levels. */
const MAX_LEVELS = 1_010;
/** More values than fit into a job of 4 MiB: each takes two bytes or more. */
const MAX_VALUES = 2 * 1024 * 1024;

/** Tells whether parsed JSON is no larger and no deeper than a job that a producer can write. */
export function isWithin(value: unknown): boolean {
  let left = MAX_VALUES;
  const visit = (node: unknown, levels: number): boolean => {
    if (--left < 0) return false;
    if (typeof node !== 'object' || node === null) return true;
    if (levels === 0) return false;
    return Object.values(node).every((inner) => visit(inner, levels - 1));
  };
  return visit(value, MAX_LEVELS);
}
