import type { FailureSpec } from './spec.ts';

/** Failures of a child: its answer, its tools, its workspace, its budget. */
export const CHILD_FAILURES = {
  CHILD_REFUSED: {
    origin: 'child',
    disposition: 'discard',
    means: 'The model, or a content filter of its provider, declined the task.',
    remedy: 'Reword the goal, or choose another model.',
  },
  CHILD_EMPTY_ANSWER: {
    origin: 'child',
    disposition: 'discard',
    means: 'The child ended without an answer.',
    remedy: 'Raise budget.tokens, or split the task.',
  },
  CHILD_TOOL_TIMED_OUT: {
    origin: 'child',
    disposition: 'retry',
    means: 'A tool ran longer than its limit and did not stop when its signal aborted.',
    remedy: 'Make the tool stop when its signal aborts. If it is only slow, raise watchdogs.tool_ms.',
  },
  WORKSPACE_UNAVAILABLE: {
    origin: 'infrastructure',
    disposition: 'retry',
    means: 'The workspace or its files could not be created, read, written or restored: the disk is full or fails.',
    remedy: 'Free space on the disk of worker.workspace_root, or raise its quota; the message says which step failed.',
  },
  TOOLSET_UNAVAILABLE: {
    origin: 'infrastructure',
    disposition: 'retry',
    means: 'A toolset of the task could not open, repeat a recorded call, or collect its files.',
    remedy: 'Correct the toolset that the message names, or the service that it uses, on the worker.',
  },
  CHILD_NO_PROGRESS: {
    origin: 'child',
    disposition: 'discard',
    means: 'The child made the same tool calls with the same results in several turns in a row.',
    remedy:
      'Reword the goal, or choose another model. If the child has to wait, raise watchdogs.turns_without_progress.',
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
    means: 'The model asked for more tool calls in one turn than budget.tool_calls_per_turn allows. None of them ran.',
    remedy: 'Ask for less in one turn, or raise budget.tool_calls_per_turn, up to 128.',
  },
  BUDGET_SECONDS: {
    origin: 'budget',
    disposition: 'discard',
    means: 'The attempts of the task ran longer than budget.seconds.',
    remedy: 'Raise budget.seconds, or split the task.',
  },
} as const satisfies Record<string, FailureSpec>;
