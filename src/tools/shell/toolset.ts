import type { ToolSession } from '../../agent/tool-session.ts';
import type { OpenToolset, Toolset } from '../../agent/toolset.ts';
import type { WorkspaceAccess } from '../../agent/workspace-access.ts';
import type { Deployment } from '../../base/deployment.ts';
import { newProcessTag, PROCESS, processKind } from '../../processes/process-kind.ts';
import { SHELL, WORKSPACE } from '../names.ts';
import { Commands, type ShellMeans } from './commands.ts';
import { type RunCommand, shellTools } from './tools.ts';

/** The note in each outcome of a worker without a sandbox. */
const NO_SANDBOX = 'commands ran without a sandbox (shell.sandbox: none)';

/** What the toolset is made from. `maxFileBytes`: the maximum size of one file that a command writes. */
export type ShellDeps = ShellMeans & { deployment: Deployment; maxFileBytes: number };

/**
 * The toolset `shell`: runs commands in the directory of the workspace, in a sandbox. One row of the ledger stands for
 * the processes of all commands of an attempt. It is written before the first command starts.
 */
export function shellToolset(deps: ShellDeps): Toolset {
  const { sandbox, network, timeout_ms } = deps.settings;
  const shell = { isSandboxed: sandbox !== 'none', hasNetwork: network, maxSeconds: timeout_ms / 1000 };
  const nowhere = () => Promise.reject(new Error('these tools are for their definitions'));
  return {
    name: SHELL,
    restores: false,
    requires: [WORKSPACE],
    resources: [processKind(deps.deployment)],
    tools: shellTools(nowhere, shell),
    open: async (session) => {
      const { run, notes } = new ShellSession(session, workspaceOf(session), deps);
      return { tools: shellTools(run, shell), notes } satisfies OpenToolset;
    },
  };
}

function workspaceOf({ workspace }: ToolSession): WorkspaceAccess {
  if (!workspace) throw new Error(`the toolset "${SHELL}" needs the toolset "${WORKSPACE}"`);
  return workspace;
}

/** The commands of one attempt, and what the model and the outcome must say about them. */
class ShellSession {
  readonly #session: ToolSession;
  readonly #workspace: WorkspaceAccess;
  readonly #deps: ShellDeps;
  #commands: Promise<Commands> | undefined;
  #excess: string | null = null;

  constructor(session: ToolSession, workspace: WorkspaceAccess, deps: ShellDeps) {
    this.#session = session;
    this.#workspace = workspace;
    this.#deps = deps;
  }

  readonly run: RunCommand = async (request, signal) => {
    this.#commands ??= this.#hold();
    const commands = await this.#commands;
    // Counted also after a call that passed its time: the child continues with the files of its command.
    const counting = async () => {
      this.#excess = await this.#workspace.recount('ended');
    };
    const end = await commands.run(request, signal).finally(counting);
    if (end.status === 'failed') this.#session.reportFault(new Error(`a command did not start: ${end.problem}`));
    return {
      end,
      notes:
        this.#excess === null ? [] : [`Remove files: ${this.#excess}. Until then, no command can write to a file.`],
    };
  };

  readonly notes = (): string[] => {
    const { sandbox } = this.#deps.settings;
    return [
      ...(sandbox === 'none' ? [NO_SANDBOX] : []),
      ...(this.#excess === null ? [] : [`commands left too many files: ${this.#excess}`]),
    ];
  };

  async #hold(): Promise<Commands> {
    const { deployment, maxFileBytes } = this.#deps;
    const { directory } = this.#workspace;
    const tag = newProcessTag(deployment, this.#session, SHELL);
    const place = {
      directory,
      recount: () => this.#workspace.recount('running'),
      // A command over a limit may only remove files. Else each would add what it can write before it is counted.
      maxFileBytes: () => (this.#excess === null ? maxFileBytes : 0),
    };
    const acquire = () => new Commands(tag, place, this.#deps);
    const held = { kind: PROCESS, ref: tag, acquire, live: (commands: Commands) => commands };
    return (await this.#session.hold({ commands: held })).commands;
  }
}
