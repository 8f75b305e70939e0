/** The minimum likeness at which a name is taken for another name with a spelling mistake. */
const MIN_LIKENESS = 0.55;
/** The maximum difference of the lengths of two names that are alike. */
const MAX_LONGER = 2;
/** A longer name is compared by its start alone. */
const MAX_NAME = 60;

/** Returns the known name that is most like an unknown name; `undefined` if none is like it. */
export function nearestOf(unknown: string, known: readonly string[]): string | undefined {
  const rated = known.map((name) => ({ name, likeness: likenessOf(unknown.slice(0, MAX_NAME), name) }));
  const [nearest] = rated.sort((a, b) => b.likeness - a.likeness);
  return nearest !== undefined && nearest.likeness >= MIN_LIKENESS ? nearest.name : undefined;
}

/**
 * Returns the share of letters and pairs of letters that two names have in common, 0 to 1. A whole word of a name is
 * like it.
 */
function likenessOf(a: string, b: string): number {
  const [ofA, ofB] = [partsOf(a), partsOf(b)];
  const shared = [...ofA].filter((part) => ofB.has(part)).length;
  const share = (2 * shared) / (ofA.size + ofB.size || 1);
  if (b.split('_').includes(a.toLowerCase())) return Math.max(share, MIN_LIKENESS);
  return Math.abs(a.length - b.length) > MAX_LONGER ? 0 : share;
}

/** Returns the letters and the pairs of neighbours: two letters that changed places leave the letters as they were. */
function partsOf(name: string): Set<string> {
  const letters = [...name.toLowerCase().replaceAll(/[^a-z0-9]/g, '')];
  return new Set([...letters, ...letters.slice(1).map((letter, at) => `${letters[at]}${letter}`)]);
}
