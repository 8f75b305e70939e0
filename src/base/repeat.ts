/**
 * Does some work every so often, until the returned function is called. A turn is skipped while the last one is under way:
 * what waits for somebody who is away must not come all at once when he is back. `onError` is told of turns that fail.
 */
export function repeat(everyMs: number, work: () => Promise<void>, onError: (error: unknown) => void): () => void {
  let isUnderWay = false;
  const turn = async () => {
    if (isUnderWay) return;
    isUnderWay = true;
    await work().catch(onError);
    isUnderWay = false;
  };
  const timer = setInterval(turn, everyMs);
  return () => clearInterval(timer);
}
