/** A module for the setting `tool_modules`. An app imports `errand/worker` instead. */
import { defineTool, defineToolset } from '../../src/entries/worker.ts';

const SHIPPED = new Map([[7, 'on Monday']]);

const findOrder = defineTool({
  name: 'find_order',
  description: 'Finds an order by its number.',
  class: 'read',
  parameters: { type: 'object', properties: { number: { type: 'integer' } }, required: ['number'] },
  run: async ({ number }, { progress }) => {
    progress(`looking for order ${number}`);
    const shipped = SHIPPED.get(Number(number));
    if (shipped === undefined) throw new Error(`there is no order ${number}`);
    return { number: Number(number), shipped };
  },
});

export default defineToolset({ name: 'shop', tools: [findOrder] });
