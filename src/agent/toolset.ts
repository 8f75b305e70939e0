import type { Answer } from '../contract/outcome.ts';
import type { FailureCode } from '../errors.ts';
import type { ResourceKind } from './resource.ts';
import type { Tool } from './tool.ts';
import type { ToolSession } from './tool-session.ts';
import type { WorkspaceAccess } from './workspace-access.ts';

/** A file that a child made: its path, its size, and its text if it is small. */
export type FoundFile = Answer['files'][number];

/** The tools of a toolset for one attempt. */
export type OpenToolset = {
  tools: readonly Tool[];
  /** The files of the attempt, for the toolsets that are opened after this one. */
  workspace?: WorkspaceAccess | undefined;
  /** Returns the files that the child made, for its answer. Called before anything is released. */
  collect?: (() => Promise<FoundFile[]>) | undefined;
  /** Returns notes for the outcome about problems, as sentences. Called before anything is released. */
  notes?: (() => string[]) | undefined;
};

/** A set of tools that a task asks for by name. */
export interface Toolset {
  readonly name: string;
  /**
   * Whether the tools build up state that ends with the attempt. A later attempt then repeats the recorded calls of the
   * class `idempotent`. Otherwise the recorded results count, and nothing is repeated.
   */
  readonly restores: boolean;
  readonly resources: readonly ResourceKind[];
  /** The tools, to plan the size of requests; `null` if only {@link Toolset.open} knows all of them. */
  readonly tools: readonly Tool[] | null;
  /** The names of toolsets that a task gets together with this one. They are opened before it. */
  readonly requires?: readonly string[];
  /** The code of a failure to open, restore or collect. @default TOOLSET_UNAVAILABLE */
  readonly faultCode?: FailureCode;
  /** Prepares the tools for one attempt, before any call. */
  open(session: ToolSession): Promise<OpenToolset>;
}

/** What {@link defineToolset} takes. */
export type ToolsetDefinition = {
  name: string;
  tools?: readonly Tool[];
  /** @default false */
  restores?: boolean;
  /** The kinds of resources that `open` and the tools hold. */
  resources?: readonly ResourceKind[];
  /** The names of toolsets that its tasks get too, opened before it. */
  requires?: readonly string[];
  /** Prepares an attempt, and returns the tools that need what it prepared. */
  open?: (session: ToolSession) => Promise<Partial<OpenToolset>>;
};

/** Makes a toolset, for the option `toolsets` of `createWorker`. */
export function defineToolset({
  name,
  tools = [],
  restores = false,
  resources = [],
  requires = [],
  open,
}: ToolsetDefinition): Toolset {
  return {
    name,
    restores,
    resources,
    requires,
    tools: open ? null : tools,
    open: async (session) => {
      const opened = await open?.(session);
      return { ...opened, tools: [...tools, ...(opened?.tools ?? [])] };
    },
  };
}
