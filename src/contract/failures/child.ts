import type { FailureSpec } from './spec.ts';

/** What a child fails by itself: its answer, its tools, its workspace, its budget. */
export const CHILD_FAILURES = {
  CHILD_REFUSED: {
    origin: 'child',
    disposition: 'discard',
    means: 'The model declined the task, or a content filter of its provider did.',
    remedy: 'Reword the goal, or route it to another model.',
  },
  CHILD_EMPTY_ANSWER: {
    origin: 'child',
    disposition: 'discard',
    means: 'The child ended without an answer.',
    remedy: 'Raise the token budget, or ask for less in one task.',
  },
  CHILD_TOOL_TIMED_OUT: {
    origin: 'child',
    disposition: 'retry',
    means: 'A tool passed its limit and did not stop when it was told to.',
    remedy: 'Fix the tool so that it heeds its signal; raise watchdogs.tool_ms if it is merely slow.',
  },
  WORKSPACE_UNAVAILABLE: {
    origin: 'infrastructure',
    disposition: 'retry',
    means:
      'The workspace could not be made, or its files could not be written, written again or read: the disk is full or fails.',
    remedy: 'Free space on the disk of worker.workspace_root, or raise its quota; the message says what failed.',
  },
  TOOLSET_UNAVAILABLE: {
    origin: 'infrastructure',
    disposition: 'retry',
    means:
      'A toolset of the task could not be opened, could not repeat a recorded call, or could not collect its files.',
    remedy: 'Look at what the message says of the toolset; its code and what it stands on belong to the worker.',
  },
  CHILD_NO_PROGRESS: {
    origin: 'child',
    disposition: 'discard',
    means: 'The child made the same tool calls with the same results, turn after turn.',
    remedy:
      'Reword the goal, or route it to another model; raise watchdogs.turns_without_progress if it waits for something.',
  },
  BUDGET_TURNS: {
    origin: 'budget',
    disposition: 'discard',
    means: 'The child used all its turns.',
    remedy: 'Raise budget.turns, or split the task.',
  },
  BUDGET_TOKENS: {
    origin: 'budget',
    disposition: 'discard',
    means: 'The child used all its tokens.',
    remedy: 'Raise budget.tokens, or split the task.',
  },
  BUDGET_TOOL_CALLS: {
    origin: 'budget',
    disposition: 'discard',
    means: 'The model asked for more tool calls in one turn than budget.tool_calls_per_turn allows; none of them ran.',
    remedy: 'Ask for less in one turn, or raise budget.tool_calls_per_turn, up to 128.',
  },
  BUDGET_SECONDS: {
    origin: 'budget',
    disposition: 'discard',
    means: 'The task ran out of wall-clock time.',
    remedy: 'Raise budget.seconds, or split the task.',
  },
} as const satisfies Record<string, FailureSpec>;
