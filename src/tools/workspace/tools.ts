import { z } from 'zod';
import { defineTool, type Tool } from '../../agent/tool.ts';
import { counted } from '../../base/text.ts';
import type { Workspace } from './workspace.ts';

const path = z.string().min(1).max(500).describe('Path relative to the workspace, with "/" between names.');

/** What the tools use of a workspace. */
export type WorkspaceOfTools = Pick<Workspace, 'list' | 'read' | 'search' | 'write' | 'append' | 'edit' | 'remove'>;

/**
 * The tools of the toolset `workspace`: list, read, search, write, append, edit and delete the files of the attempt.
 *
 * All changes are `idempotent`, although appending twice would not lead to the same state: a new attempt starts with an
 * empty directory and repeats the recorded changes in order, so each change happens once in each directory. A change
 * that was interrupted has no result; it runs after them, again in a directory that does not have it.
 */
export function workspaceTools(workspace: WorkspaceOfTools): Tool[] {
  return [...readers(workspace), searchFiles(workspace), ...writers(workspace), editFile(workspace)];
}

function readers(workspace: WorkspaceOfTools): Tool[] {
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
  ];
}

function writers(workspace: WorkspaceOfTools): Tool[] {
  return [
    defineTool({
      name: 'write_file',
      description: 'Writes a text file to your workspace. Replaces an existing file and creates missing folders.',
      class: 'idempotent',
      parameters: z.strictObject({ path, content: z.string() }),
      run: async (args) => `Wrote ${await workspace.write(args.path, args.content)} bytes to ${args.path}.`,
    }),
    defineTool({
      name: 'append_file',
      description:
        'Adds text to the end of a file of your workspace, exactly as given, without a line break before it. Creates a missing file and missing folders.',
      class: 'idempotent',
      parameters: z.strictObject({ path, content: z.string() }),
      run: async (args) => `${args.path} has ${await workspace.append(args.path, args.content)} bytes now.`,
    }),
    defineTool({
      name: 'delete_file',
      description: 'Deletes a file of your workspace, and the folders that are empty without it.',
      class: 'idempotent',
      parameters: z.strictObject({ path }),
      run: async (args) => {
        await workspace.remove(args.path);
        return `Deleted ${args.path}.`;
      },
    }),
  ];
}

function searchFiles(workspace: WorkspaceOfTools): Tool {
  return defineTool({
    name: 'search_files',
    description:
      'Finds an exact text in the text files of your workspace. Returns the matching lines as "path:line: text". The text is not a pattern.',
    class: 'read',
    parameters: z.strictObject({
      text: z.string().min(1).max(1_000).describe('The exact text to find, within one line.'),
      path: path.optional().describe('A file, or a folder to search in. Absent: the whole workspace.'),
      ignore_case: z.boolean().optional().describe('true: upper and lower case are the same. Default: false.'),
    }),
    run: (args, { signal }) =>
      workspace.search({ text: args.text, path: args.path, ignoresCase: args.ignore_case ?? false }, signal),
  });
}

function editFile(workspace: WorkspaceOfTools): Tool {
  return defineTool({
    name: 'edit_file',
    description:
      'Replaces a text in a text file of your workspace. old_text must occur exactly once, or nothing changes; set replace_all to replace it wherever it occurs.',
    class: 'idempotent',
    parameters: z.strictObject({
      path,
      old_text: z.string().min(1).describe('The exact text to replace, with its spaces and line breaks.'),
      new_text: z.string().describe('The text that takes its place. Empty: old_text is removed.'),
      replace_all: z.boolean().optional().describe('true: replaces every occurrence. Default: false.'),
    }),
    run: async ({ path, old_text: oldText, new_text: newText, replace_all: all = false }) =>
      `Replaced ${counted(await workspace.edit(path, { oldText, newText, all }), 'occurrence')} in ${path}.`,
  });
}
