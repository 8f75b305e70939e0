import { oneLine } from '../../base/text.ts';
import { NO_TOOLSETS } from '../../contract/toolset-check.ts';
import { checkRoute } from '../../routes/check.ts';
import { planBatch } from '../../routes/plan.ts';
import { routingTable } from '../../routes/table.ts';
import { BUILT_IN_TOOLSETS } from '../../tools/names.ts';
import { readBatchFile } from '../batch-file/read-batch-file.ts';
import { loadConfig } from '../config.ts';
import { EXIT } from '../exit-code.ts';
import { effortText, targetText } from '../screen/outcome-table.ts';
import type { Screen } from '../screen/screen.ts';
import { table } from '../screen/table.ts';

/**
 * Prints the route that each task of a batch would take. It needs no Redis and enqueues nothing.
 *
 * @throws ErrandError `BATCH_INVALID`, `ROUTE_UNSUPPORTED`, exactly as `enqueue` would.
 */
export async function routes(file: string, { json = false }: { json?: boolean }, screen: Screen): Promise<number> {
  const config = loadConfig();
  const routing = routingTable(config);
  const batch = await readBatchFile(file, config.limits);
  const toolsets = { ...NO_TOOLSETS, builtIn: BUILT_IN_TOOLSETS };
  const planned = await planBatch(batch, config.limits, routing, toolsets);
  const resolved = planned.tasks.map(({ data: { index, route } }) => {
    const { level, treatment } = checkRoute(route, routing.providers);
    return { index, ...route, effort: level, effort_treatment: treatment };
  });
  for (const warning of planned.warnings) screen.note(`warning: ${oneLine(warning)}`);
  if (json) {
    for (const route of resolved) screen.json(route);
    return EXIT.ok;
  }
  const rows = resolved.map(
    ({ index, requested, provider, model, reasoning_effort: asked, effort, chosen_by: by }) => ({
      task: `#${index}`,
      requested: targetText(requested),
      provider: `${provider} (${by.provider})`,
      model: `${oneLine(model)} (${by.model})`,
      effort: [effortText(asked, effort), by.reasoning_effort && `(${by.reasoning_effort})`].filter(Boolean).join(' '),
    }),
  );
  screen.print(table(rows, { width: screen.width }));
  screen.note('In brackets: the rule that chose the value. Nothing was enqueued.');
  return EXIT.ok;
}
