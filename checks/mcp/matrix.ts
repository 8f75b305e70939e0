import type { Outcome } from '../../src/contract/outcome.ts';
import { taggedProcesses } from './process-watch.ts';
import type { CheckedServer } from './servers.ts';
import { PROVIDERS, type Stage } from './stage.ts';

/** One server on one wire, and what did not hold. */
export type Cell = { server: string; wire: string; misses: string[] };

type Wire = keyof typeof PROVIDERS;
const WIRES = Object.keys(PROVIDERS) as Wire[];

/** Has one task call each server on each wire. */
export async function runMatrix(stage: Stage): Promise<Cell[]> {
  const cells: Cell[] = [];
  for (const server of stage.servers) {
    cells.push(...(await Promise.all(WIRES.map((wire) => runCell(stage, server, wire)))));
  }
  const open = (await stage.web.tally()).length;
  for (const { server, misses } of cells) if (server === 'web' && open > 0) misses.push(`${open} sessions are left`);
  return cells;
}

async function runCell({ producer, simulator }: Stage, server: CheckedServer, wire: Wire): Promise<Cell> {
  const calls = server.callsOf(wire);
  const mark = `matrix ${server.name} ${wire}.`;
  const directives = calls.map(
    ({ tool, args }) => `[[sim: tool=${server.name}__${tool} args=${JSON.stringify(args)}]]`,
  );
  const goal = [mark, ...directives, '[[sim: text="done"]]'].join(' ');
  const task = { goal, provider: PROVIDERS[wire], toolsets: [`mcp:${server.name}`] };
  const { batch_id } = await producer.enqueue({ tasks: [task] });
  await producer.settled(batch_id);
  const [outcome] = await Array.fromAsync(producer.outcomes(batch_id));
  const body = simulator.requests().findLast((request) => request.body.includes(mark))?.body ?? '';
  const misses = [
    ...missesOf(outcome, server.rowKind),
    ...calls.flatMap(({ tool, expected }) => (body.includes(expected) ? [] : [`${tool}: no "${expected}"`])),
    ...taggedProcesses((tag) => tag.includes(`:${batch_id}-`)).map(({ pid }) => `process ${pid} is left`),
  ];
  return { server: server.name, wire, misses };
}

function missesOf(outcome: Outcome | undefined, rowKind: string): string[] {
  if (outcome?.status !== 'succeeded') return [`ended as ${JSON.stringify(outcome)}`];
  const { steps, open } = outcome.cleanup;
  return [
    ...(steps.some(({ kind }) => kind === rowKind) ? [] : [`no row of the kind ${rowKind}`]),
    ...steps.flatMap(({ row, evidence }) => (evidence === 'unknown' ? [`no evidence for ${row}`] : [])),
    ...(open > 0 ? [`${open} open rows`] : []),
  ];
}

/** The cells as a table: servers down, wires across. */
export function tableOf(cells: readonly Cell[]): string {
  const lines = [['server', ...WIRES]];
  for (const name of new Set(cells.map(({ server }) => server))) {
    const row = WIRES.map((wire) => cells.find((cell) => cell.server === name && cell.wire === wire));
    lines.push([name, ...row.map((cell) => (cell?.misses.length === 0 ? 'holds' : 'MISS'))]);
  }
  return lines
    .map((line) =>
      line
        .map((text) => text.padEnd(12))
        .join('')
        .trimEnd(),
    )
    .join('\n');
}
