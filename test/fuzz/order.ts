import type { Wire } from '../../src/contract/route.ts';
import type { Setup } from './case.ts';

/** What the process under test is asked to do: hold one conversation with the provider at an address. */
export type Order = {
  id: number;
  wire: Wire;
  url: string;
  /** Where the conversation goes on from its first turn, in the way of an attempt that takes over. */
  resumedUrl: string;
  setup: Setup;
  /** Whether a call can only end by a limit. */
  isHanging: boolean;
};

/** How a child ended. */
export type Ended =
  | { status: 'answered'; text: string }
  /** `code` is absent for anything that is no `ErrandError`. */
  | { status: 'failed'; code?: string; message: string };

/** A run of a tool: the token of the call it was of, as far as its arguments name one. */
export type ToolRun = { tool: string; token: string };

/** What the process under test saw. */
export type Report = {
  id: number;
  ended: Ended;
  /** The checkpoints as they would be written. */
  checkpoints: string[];
  runs: ToolRun[];
  /** Names that were changed on what all values share. */
  changed: string[];
  stallMs: number;
  peakBytes: number;
  heldBytes: number;
  /** What was written and cannot be read back. */
  unreadable: string[];
  /** The text of the outcome as it would be written. */
  outcome: string;
};
