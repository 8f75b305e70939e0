import { runKills } from './kills.ts';
import { runMatrix, tableOf } from './matrix.ts';
import { openStage } from './stage.ts';
import { judge, type Line } from './verdict.ts';

const startedMs = Date.now();
const stage = await openStage();
let isKept = true;
try {
  const cells = await runMatrix(stage);
  process.stdout.write(`${tableOf(cells)}\n`);
  for (const { server, wire, misses } of cells)
    for (const miss of misses) process.stdout.write(`MISS ${server} on ${wire}: ${miss}\n`);
  const held = cells.filter(({ misses }) => misses.length === 0).length;
  const lines: Line[] = [
    { text: `matrix: ${held} of ${cells.length} cells hold`, holds: held === cells.length },
    ...judge(await runKills(stage)),
  ];
  for (const { text, holds } of lines) process.stdout.write(`${holds ? 'ok  ' : 'MISS'} ${text}\n`);
  process.stdout.write(`${Math.round((Date.now() - startedMs) / 1000)} s\n`);
  isKept = lines.some(({ holds }) => !holds);
} finally {
  await stage.close({ isKept });
  if (isKept) process.stdout.write(`its Redis and the logs of its workers are kept in ${stage.dir}\n`);
}
process.exit(isKept ? 1 : 0);
