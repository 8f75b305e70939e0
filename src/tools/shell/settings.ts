import { z } from 'zod';
import { type Section, sectionShape } from '../../contract/setting.ts';

const count = z.number().int().positive();
const absolutePath = z.string().regex(/^\/[^\0]*[^/\0]$/, 'expected an absolute path of a directory or file, not /');

/** The settings of `shell`: whether children may run commands, in which sandbox, and how much a command may use. */
export const SHELL_SETTINGS = {
  enabled: {
    type: z.boolean().default(false),
    meaning:
      'whether this worker has the toolset `shell`, with which a child [runs commands](how-to/let-a-child-run-commands.md)',
  },
  sandbox: {
    type: z.enum(['bwrap', 'none']).default('bwrap'),
    meaning:
      '`bwrap` (bubblewrap 0.8 or later), or `none`: commands then have every right of the worker, and each outcome says so',
  },
  network: {
    type: z.boolean().default(false),
    meaning: 'whether commands share the network of the worker; they then reach all that it reaches, such as Redis',
  },
  read_only_paths: {
    type: z.array(absolutePath).max(64).default([]),
    meaning: 'absolute paths that the sandbox shows to commands, read-only, beside the programs of the system',
  },
  timeout_ms: {
    type: count.max(86_400_000).default(120_000),
    unit: 'ms',
    meaning: 'how long one command may run; a call can ask for less, and `watchdogs.tool_ms` holds too',
  },
  max_output_bytes: {
    type: count.max(1024 ** 3).default(10 * 1024 * 1024),
    unit: 'bytes',
    meaning: 'output of one command; one that writes more is ended. The model reads the first and last 24 KiB',
  },
  max_processes: {
    type: count.max(100_000).default(256),
    meaning: 'processes and threads of one command together; one that has more is ended',
  },
  max_memory_bytes: {
    type: count.max(1024 ** 4).default(1024 ** 3),
    unit: 'bytes',
    meaning: 'memory of one process, and of all processes of one command together; a command that has more is ended',
  },
} satisfies Section;

const ShellSection = z.strictObject(sectionShape(SHELL_SETTINGS));

/** The settings of the toolset `shell`; see {@link SHELL_SETTINGS}. */
export type ShellSettings = Readonly<z.infer<typeof ShellSection>>;

/** The settings of a deployment that sets none of them. */
export const DEFAULT_SHELL: ShellSettings = ShellSection.parse({});
