import { z } from 'zod';
import { BatchSpec, BatchSummary } from './batch.ts';
import { CleanupRecord } from './cleanup.ts';
import { ErrandEvent } from './events.ts';
import { Failure } from './failure.ts';
import { Outcome } from './outcome.ts';
import { TaskSpec } from './task.ts';

const SCHEMAS = { BatchSpec, TaskSpec, BatchSummary, Outcome, Failure, CleanupRecord, ErrandEvent };

/** The JSON Schema (draft 2020-12) of every shape that crosses a boundary, by name, for producers in other languages. */
export function jsonSchemas(): Record<keyof typeof SCHEMAS, z.core.JSONSchema.BaseSchema> {
  const entries = Object.entries(SCHEMAS).map(([name, schema]) => {
    const io = name === 'BatchSpec' || name === 'TaskSpec' ? 'input' : 'output';
    return [name, { $id: `errand/v1/${name}.json`, title: name, ...z.toJSONSchema(schema, { io }) }];
  });
  return Object.fromEntries(entries);
}
