import { z } from 'zod';
import { BatchSpec, BatchSummary } from './batch.ts';
import { CleanupRecord } from './cleanup.ts';
import { ErrandEvent } from './events.ts';
import { Failure } from './failure.ts';
import { Outcome } from './outcome.ts';
import { TaskSpec } from './task.ts';

const INPUTS: ReadonlySet<string> = new Set(['BatchSpec', 'TaskSpec']);

const SCHEMAS = { BatchSpec, TaskSpec, BatchSummary, Outcome, Failure, CleanupRecord, ErrandEvent };

/**
 * The JSON Schema (draft 2020-12) of every shape that crosses a boundary, by name, for producers in other languages.
 * The schemas of what a producer writes refuse unknown fields. The schemas of what a producer reads allow them, because
 * a newer worker may add some.
 */
export function jsonSchemas(): Record<keyof typeof SCHEMAS, z.core.JSONSchema.BaseSchema> {
  const entries = Object.entries(SCHEMAS).map(([name, schema]) => {
    const io = INPUTS.has(name) ? 'input' : 'output';
    return [
      name,
      { $id: `errand/v1/${name}.json`, title: name, ...z.toJSONSchema(schema, { io, override: openAsTrue }) },
    ];
  });
  return Object.fromEntries(entries);
}

/** Writes "any further field" as `true`, because more readers support it than the empty schema. */
function openAsTrue({ jsonSchema }: { jsonSchema: z.core.JSONSchema.BaseSchema }): void {
  const { additionalProperties: open, properties } = jsonSchema;
  const isEmpty = typeof open === 'object' && Object.keys(open).length === 0;
  if (isEmpty && properties !== undefined) jsonSchema.additionalProperties = true;
}
