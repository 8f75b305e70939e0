/**
 * Runs `work` every `everyMs`, until the returned function is called. Skips a run while the previous one is pending, so
 * that runs do not pile up during an outage. Calls `onError` with the error of each run that fails.
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
