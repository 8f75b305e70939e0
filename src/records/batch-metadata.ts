import { BatchRecord, type BatchSummary } from '../contract/batch.ts';
import { contract } from '../contract/fits.ts';
import type { Metadata } from '../contract/task.ts';
import { readEntry } from './read-record.ts';

const WithMetadata = contract(BatchRecord.pick({ metadata: true }));

/** A field of a hash, as Redis returns it. */
export type Text = string | null | undefined;

/** The summary with the metadata of its batch, which only the record of the batch stores. */
export function withMetadata(summary: BatchSummary, data: Text): BatchSummary {
  const metadata = metadataIn(data);
  return metadata ? { ...summary, metadata } : summary;
}

/** The metadata in the record of a batch; `undefined` if it has none or cannot be read. */
export function metadataIn(data: Text): Metadata | undefined {
  return data ? readEntry(WithMetadata, data)?.metadata : undefined;
}
