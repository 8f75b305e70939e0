import type { Wire } from '../../src/contract/route.ts';
import type { Setup } from './case.ts';

/** An order for the process under test: run one conversation with the provider at an address. */
export type Order = {
  id: number;
  wire: Wire;
  url: string;
  /** Whether the conversation continues after its first turn, as in an attempt that takes over. */
  resumedUrl: string;
  setup: Setup;
  /** Whether only a limit can end a call. */
  isHanging: boolean;
};

/** How a child ended. */
export type Ended =
  | { status: 'answered'; text: string }
  /** `code` is absent for an error that is not an `ErrandError`. */
  | { status: 'failed'; code?: string; message: string };

/** A run of a tool, with the token of its call if the arguments have one. */
export type ToolRun = { tool: string; token: string };

/** What the process under test saw. */
export type Report = {
  id: number;
  ended: Ended;
  /** The checkpoints in the form in which a worker writes them. */
  checkpoints: string[];
  runs: ToolRun[];
  /** Names that were changed on the shared prototypes. */
  changed: string[];
  stallMs: number;
  peakBytes: number;
  heldBytes: number;
  /** Written records that cannot be read again. */
  unreadable: string[];
  /** The text of the outcome in the form in which a worker writes it. */
  outcome: string;
};
