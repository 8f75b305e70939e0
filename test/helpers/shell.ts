import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { Hold } from '../../src/agent/resource.ts';
import { replyOf, type ToolReply } from '../../src/agent/tool-reply.ts';
import type { ToolSession } from '../../src/agent/tool-session.ts';
import { WorkspaceLimits } from '../../src/contract/limits.ts';
import type { TreeEnd } from '../../src/processes/end-tree.ts';
import { DEFAULT_SHELL, type ShellSettings } from '../../src/tools/shell/settings.ts';
import { shellToolset } from '../../src/tools/shell/toolset.ts';
import { Workspace } from '../../src/tools/workspace/workspace.ts';
import { aSession } from './tools.ts';

export type ShellOptions = {
  guardPath: string | null;
  settings?: Partial<ShellSettings>;
  limits?: Partial<WorkspaceLimits>;
  session?: Partial<ToolSession>;
};

/** The toolset `shell` over a real workspace, for one attempt that ends with the test. */
export type Shell = {
  directory: string;
  workspace: Workspace;
  run: (
    command: string,
    more?: { stdin?: string; timeout_seconds?: number },
    signal?: AbortSignal,
  ) => Promise<ToolReply>;
  notes: () => string[];
  /** Releases what the attempt holds, and returns the evidence. */
  end: () => Promise<TreeEnd[]>;
};

export async function aShell({ guardPath, settings, limits, session: over }: ShellOptions): Promise<Shell> {
  const home = mkdtempSync(join(tmpdir(), 'errand-shell-'));
  onTestFinished(() => rmSync(home, { recursive: true, force: true }));
  const bounds = WorkspaceLimits.parse(limits ?? {});
  const workspace = await Workspace.open(home, bounds, () => undefined);
  const held: { close: () => Promise<TreeEnd> }[] = [];
  const hold: Hold = async (resources) => {
    const values: Record<string, unknown> = {};
    for (const [name, { acquire, live }] of Object.entries(resources)) {
      values[name] = await acquire();
      held.push(live?.(values[name] as never) as { close: () => Promise<TreeEnd> });
    }
    return values as never;
  };
  const session = aSession({ hold, workspace, ...over });
  const deployment = { prefix: '{test}', workspaceRoot: home };
  const means = { settings: { ...DEFAULT_SHELL, ...settings }, guardPath, path: process.env.PATH ?? '' };
  const toolset = shellToolset({ ...means, deployment, maxFileBytes: bounds.max_bytes });
  const open = await toolset.open(session);
  const [tool] = open.tools;
  const end = () => Promise.all(held.splice(0).map((each) => each.close()));
  onTestFinished(async () => void (await end()));
  return {
    directory: workspace.directory,
    workspace,
    run: async (command, more = {}, signal = new AbortController().signal) => {
      const call = { callId: 'c', signal, progress: () => undefined, session };
      return replyOf(await tool?.run({ command, ...more }, call));
    },
    notes: () => open.notes?.() ?? [],
    end,
  };
}

/** The pids of processes with this text in their command line, in and outside of sandboxes. */
export function pidsWith(marker: string): number[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return pids.filter((pid) => Number(pid) !== process.pid && commandLineOf(pid).includes(marker)).map(Number);
}

function commandLineOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return '';
  }
}
