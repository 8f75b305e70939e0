import type { Evidence } from '../contract/cleanup.ts';

/** The use of a credential: closing its row in the ledger is its release. */
export const LEASE_KIND = {
  kind: 'credential_lease',
  outlivesProcess: false,
  /** A release acts on nothing but the row. */
  doubt: () => null,
  release: async (): Promise<{ evidence: Evidence; detail: string }> => ({
    evidence: 'verified',
    detail: 'the ledger row was the lease',
  }),
};
