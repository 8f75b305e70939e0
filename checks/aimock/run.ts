import { LLMock } from '@copilotkit/aimock';
import { ANSWERS } from './answers.ts';
import { runCell } from './cell.ts';
import { ENDPOINTS } from './endpoint.ts';
import { FAILURES_SEEN } from './failures.ts';
import { matrixOf } from './matrix.ts';
import { startRelay } from './relay.ts';
import { runWorker } from './worker-run.ts';

const mock = new LLMock({ port: 0, host: '127.0.0.1', strict: true });
await mock.start();
const relay = await startRelay(mock.url);
const cells = [];
for (const test of [...ANSWERS, ...FAILURES_SEEN]) {
  cells.push(...(await Promise.all(ENDPOINTS.map((endpoint) => runCell(test, endpoint, mock, relay)))).flat());
}
process.stdout.write(`${matrixOf(cells)}\n`);
const { tasks, missed } = await runWorker(mock);
for (const { task, expected, ended } of missed) {
  process.stdout.write(`MISS ${task}\n  expected ${JSON.stringify(expected)}\n  observed ${JSON.stringify(ended)}\n`);
}
process.stdout.write(`one worker, one batch: ${tasks - missed.length} of ${tasks} tasks ended as expected\n`);
const isMissed = missed.length > 0 || cells.some(({ verdict }) => verdict === 'missed');
// aimock continues abandoned streams, which would keep the process alive for minutes.
process.exit(isMissed ? 1 : 0);
