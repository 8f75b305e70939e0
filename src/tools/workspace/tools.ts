import { z } from 'zod';
import { defineTool, type Tool } from '../../agent/tool.ts';
import type { Workspace } from './workspace.ts';

const path = z.string().min(1).max(500).describe('Path relative to the workspace, with "/" between names.');

/** The toolset `workspace`: list, read and write the files of the attempt. */
export function workspaceTools(workspace: Pick<Workspace, 'list' | 'read' | 'write'>): Tool[] {
  return [
    defineTool({
      name: 'list_files',
      description: 'Lists the files of your workspace with their sizes in bytes.',
      class: 'read',
      parameters: z.strictObject({}),
      run: async () => {
        const files = await workspace.list();
        return files.map((file) => `${file.path} (${file.bytes} bytes)`).join('\n') || 'The workspace is empty.';
      },
    }),
    defineTool({
      name: 'read_file',
      description: 'Reads a text file of your workspace.',
      class: 'read',
      parameters: z.strictObject({ path }),
      run: (args) => workspace.read(args.path),
    }),
    defineTool({
      name: 'write_file',
      description: 'Writes a text file to your workspace. Replaces an existing file and creates missing folders.',
      class: 'idempotent',
      parameters: z.strictObject({ path, content: z.string() }),
      run: async (args) => `Wrote ${await workspace.write(args.path, args.content)} bytes to ${args.path}.`,
    }),
  ];
}
