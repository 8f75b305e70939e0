/** Waits for `pending`, or rejects with the error of `late` after `ms`. `pending` itself continues. */
export async function withinTime<T>(pending: Promise<T>, ms: number, late: () => Error): Promise<T> {
  pending.catch(() => undefined);
  const tooLate = Promise.withResolvers<never>();
  const timer = setTimeout(() => tooLate.reject(late()), ms);
  try {
    return await Promise.race([pending, tooLate.promise]);
  } finally {
    clearTimeout(timer);
  }
}
