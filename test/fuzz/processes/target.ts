/** The process under test: runs one conversation after the other with its tree, and reports the results. */
import type { Order, Report } from '../order.ts';
import { type Held, hold } from './conversation-run.ts';
import { Prototypes } from './prototypes.ts';
import { readBack } from './records.ts';
import { StallProbe } from './stall-probe.ts';
import { loadSystem } from './system.ts';

const HEARTBEAT_MS = 250;
const NOTHING = { checkpoints: [], effects: [], response: undefined };

const system = await loadSystem(process.argv[2] ?? process.cwd());
const probe = new StallProbe();
const prototypes = new Prototypes();
let count = 0;

/** Continues after the first turn, as an attempt does that finds this turn recorded. */
async function resume(order: Order, { checkpoints, effects, response }: Held): Promise<void> {
  const [first] = checkpoints;
  if (!order.setup.isResumed || !first) return;
  const found = {
    checkpoints: [JSON.parse(JSON.stringify(first))],
    effects: effects.filter(({ id }) => id.startsWith('1.')),
    response: response ?? (order.setup.isBackground ? 'resp_1' : undefined),
  };
  await hold(system, order, order.resumedUrl, found);
}

async function run(order: Order): Promise<Report> {
  probe.start();
  const held = await hold(system, order, order.url, NOTHING);
  const changed = prototypes.restore();
  if (changed.length === 0) await resume(order, held);
  const { stallMs, peakBytes } = probe.stop();
  changed.push(...prototypes.restore());
  const isLarge = peakBytes > 300_000_000;
  if (++count % 50 === 0 || isLarge) global.gc?.();
  const { unreadable, outcome, checkpoints } = readBack(system, held);
  return {
    id: order.id,
    ended: held.ended,
    checkpoints,
    runs: held.runs,
    changed,
    stallMs,
    peakBytes,
    heldBytes: process.memoryUsage().heapUsed,
    unreadable,
    outcome,
  };
}

setInterval(() => process.send?.('alive'), HEARTBEAT_MS).unref();
process.once('disconnect', () => process.exit());
process.on('message', (message: Order | 'end') => {
  if (message === 'end') process.exit();
  else run(message).then((report) => process.send?.(report));
});
process.send?.('ready');
