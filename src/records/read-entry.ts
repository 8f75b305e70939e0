/**
 * Reads one entry of a record, or `null` where it is not as the contract says. That of a newer version may not be, and must
 * not hide the entries beside it.
 */
export function readEntry<T>(contract: { parse: (value: unknown) => T }, text: string): T | null {
  try {
    return contract.parse(JSON.parse(text));
  } catch {
    return null;
  }
}
