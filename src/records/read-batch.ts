import { AdmissionVerdict, BatchRecord, BatchSummary, type Counts } from '../contract/batch.ts';
import { contract } from '../contract/fits.ts';
import type { Metadata } from '../contract/task.ts';
import { together } from './beside.ts';
import { readEntry, readRecord } from './read-record.ts';

const WithMetadata = contract(BatchRecord.pick({ metadata: true }));

/** The stage of a batch: its jobs are being added, they are all added, or the batch is settled. */
export type BatchStage = 'enqueueing' | 'running' | 'settled';

/**
 * The counters of a batch: how many tasks have ended with each status, and how many of their calls have an unknown
 * cost.
 */
export const COUNTERS = ['n:succeeded', 'n:failed', 'n:rejected', 'n:cancelled', 'n:calls_of_unknown_cost'];

/** A field of a hash, as Redis returns it. */
type Text = string | null | undefined;

/** Reads the record of a batch. @throws ErrandError `RECORD_UNREADABLE`. */
export function recordOf(batchId: string, text: string): BatchRecord {
  return readRecord(BatchRecord, text, `the record of batch ${batchId}`);
}

/** Reads the verdict of admission of a batch. @throws ErrandError `RECORD_UNREADABLE`. */
export function verdictOf(batchId: string, text: string): AdmissionVerdict {
  return readRecord(AdmissionVerdict, text, `the admission of batch ${batchId}`);
}

/**
 * The three fields of a batch that make up its summary: the summary, the part stored beside it, and the record of the
 * batch.
 */
type SummaryFields = { summary: string; beside: Text; data: Text };

/** Reads the summary of a batch, with the metadata of the batch. @throws ErrandError `RECORD_UNREADABLE`. */
export function summaryOf(batchId: string, { summary, beside, data }: SummaryFields): BatchSummary {
  const read = readRecord(BatchSummary, summary, `the summary of batch ${batchId}`);
  return withMetadata(together(read, beside), data);
}

/** Reads the summary of a batch, with the metadata of the batch; `null` if this version cannot read it. */
export function summaryOrNull({ summary, beside, data }: SummaryFields): BatchSummary | null {
  const read = readEntry(BatchSummary, summary);
  return read && withMetadata(together(read, beside), data);
}

/** The metadata in the record of a batch; `undefined` if it has none or cannot be read. */
export function metadataIn(data: Text): Metadata | undefined {
  return data ? readEntry(WithMetadata, data)?.metadata : undefined;
}

/** Reads the counters of a batch, in the order of {@link COUNTERS}; a missing counter is 0. */
export function countersIn(texts: readonly Text[]): { counts: Counts; ended: number; calls_of_unknown_cost?: number } {
  const [succeeded = 0, failed = 0, rejected = 0, cancelled = 0, unknown = 0] = texts.map(Number);
  const counts = { succeeded, failed, rejected, cancelled };
  const ended = succeeded + failed + rejected + cancelled;
  return { counts, ended, ...(unknown > 0 && { calls_of_unknown_cost: unknown }) };
}

/** Only the record of the batch stores the metadata of the batch. */
function withMetadata(summary: BatchSummary, data: Text): BatchSummary {
  const metadata = metadataIn(data);
  return metadata ? { ...summary, metadata } : summary;
}
