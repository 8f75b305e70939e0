import type { Tool, ToolClass } from '../../../src/agent/tool.ts';
import type { ToolRun } from '../order.ts';

/** A text above the limit for the result of a tool, with only characters outside the basic plane. */
const LONG = '😀'.repeat(33_000);

function fieldOf(args: unknown, name: string): string {
  if (typeof args !== 'object' || args === null || !Object.hasOwn(args, name)) return '';
  return String((args as Record<string, unknown>)[name]);
}

/** The tools of a child under test. They record each run. */
export function toolsNoting(runs: ToolRun[]): Tool[] {
  const tool = (name: string, ofClass: ToolClass, answer: (args: unknown) => string): Tool => ({
    definition: { name, description: `Runs ${name}.`, parameters: { type: 'object', properties: {} } },
    class: ofClass,
    run: async (args) => {
      runs.push({ tool: name, token: fieldOf(args, 'token') });
      return answer(args);
    },
  });
  return [
    tool('look', 'read', (args) => `seen ${fieldOf(args, 'token')}`),
    tool('bill', 'effect', (args) => `billed ${fieldOf(args, 'token')}`),
    tool('scroll', 'read', (args) => `${'x'.repeat(fieldOf(args, 'filler').length % 2)}${LONG}`),
  ];
}
