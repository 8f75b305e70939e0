import type { Tool } from '../../src/agent/tool.ts';
import type { ToolGate } from '../../src/agent/tool-policy.ts';
import type { ToolSession } from '../../src/agent/tool-session.ts';
import { type ToolOwner, Tools } from '../../src/agent/tools.ts';
import { newBatchId, taskIdOf } from '../../src/base/ids.ts';

/** A session of a first attempt that holds nothing and logs nowhere. */
export function aSession(over: Partial<ToolSession> = {}): ToolSession {
  const batchId = newBatchId();
  const quiet = () => undefined;
  return {
    taskId: taskIdOf(batchId, 0),
    batchId,
    epoch: 1,
    metadata: {},
    signal: new AbortController().signal,
    hold: () => Promise.reject(new Error('nothing can be held here')),
    log: { debug: quiet, info: quiet, warn: quiet, error: quiet },
    workspace: undefined,
    reportFault: quiet,
    ...over,
  };
}

/** The tools of a child, as those of a toolset that restores state. */
export function toolsOf(tools: readonly Tool[], over: Partial<ToolOwner> = {}, gate?: ToolGate): Tools {
  const faultCode = 'WORKSPACE_UNAVAILABLE';
  const owner = { toolset: 'workspace', session: aSession(), restores: true, faultCode, ...over } as const;
  return new Tools(
    tools.map((tool) => ({ tool, ...owner })),
    gate,
  );
}
