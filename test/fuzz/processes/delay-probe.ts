/**
 * Preloaded into a worker: measures how late its event loop is, and how much of that is its own CPU time; other processes
 * used the remaining time. Restarts at SIGUSR2, and writes both numbers to the file in `FUZZ_DELAYS` when it exits.
 */
import { writeFileSync } from 'node:fs';
import { createHistogram, monitorEventLoopDelay } from 'node:perf_hooks';

const TICK_MS = 10;

const delays = monitorEventLoopDelay({ resolution: TICK_MS });
delays.enable();
const busy = createHistogram();
let usedBefore = usedMicroseconds();
setInterval(() => {
  const used = usedMicroseconds();
  busy.record(Math.max(1, Math.round((used - usedBefore) * 1000)));
  usedBefore = used;
}, TICK_MS).unref();

process.on('SIGUSR2', () => {
  delays.reset();
  busy.reset();
});
process.once('exit', () => {
  const { FUZZ_DELAYS: file } = process.env;
  if (file !== undefined) writeFileSync(file, JSON.stringify({ late: told(delays), busy: told(busy) }));
});

function usedMicroseconds(): number {
  const { user, system } = process.threadCpuUsage();
  return user + system;
}

function told(histogram: ReturnType<typeof monitorEventLoopDelay> | ReturnType<typeof createHistogram>): {
  p50: number;
  p99: number;
  max: number;
} {
  const ms = (nanoseconds: number) => Math.round(nanoseconds / 1e5) / 10;
  return { p50: ms(histogram.percentile(50)), p99: ms(histogram.percentile(99)), max: ms(histogram.max) };
}
