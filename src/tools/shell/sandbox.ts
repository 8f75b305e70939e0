import { existsSync } from 'node:fs';
import type { ShellSettings } from './settings.ts';

/** The PATH of commands. It names directories of the system only. */
const COMMAND_PATH = '/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin';
/** The directory of the files of the child, as commands see it. */
const WORKSPACE_PATH = '/workspace';

/** Shown read-only: programs, libraries, and the parts of `/etc` that programs need and that hold no secret. */
const SYSTEM_PATHS = [
  ...['/usr', '/bin', '/sbin', '/lib', '/lib32', '/lib64', '/libx32'],
  ...['/etc/alternatives', '/etc/ld.so.cache', '/etc/ssl/certs', '/etc/localtime'],
];
/** Needed to resolve names. */
const NETWORK_PATHS = ['/etc/resolv.conf', '/etc/hosts', '/etc/nsswitch.conf'];
/** Parts of `/usr` where an image may keep an application, or a token of a package registry. Shown empty. */
const HIDDEN_PATHS = ['/usr/src', '/usr/local/etc'];

const TMP_BYTES = 256 * 1024 * 1024;
const SHARED_MEMORY_BYTES = 64 * 1024 * 1024;
const MAX_OPEN_FILES = 1_024;

/**
 * Runs in the sandbox, before the command: sends all output to one pipe, then sets the limits of the kernel, which the
 * command cannot raise. `prlimit` and `bash` are those of the system.
 */
const START =
  'exec 2>&1; line=$1; shift; shell=/bin/sh; [ -x /bin/bash ] && shell=/bin/bash; exec prlimit "$@" -- "$shell" -c -- "$line"';

/** What a command may see and use. `directory` has the files of the child; `maxFileBytes`: the size of one file now. */
export type Place = { directory: string; maxFileBytes: () => number };

/** A program to start, with its arguments and its whole environment. */
export type ShellLaunch = { command: string; args: string[]; environment: Record<string, string> };

/** Returns how to run one command line, in the sandbox of the settings. `path`: where `bwrap` is sought. */
export function launchOf(line: string, place: Place, settings: ShellSettings, path: string): ShellLaunch {
  const start = ['/bin/sh', '-c', START, 'sh', line, ...limitsOf(place, settings)];
  if (settings.sandbox === 'none') {
    const [command = '', ...args] = start;
    return { command, args, environment: environmentOf(place.directory) };
  }
  const args = [...isolation(settings), ...filesOf(place, settings), ...variables(), '--', ...start];
  return { command: 'bwrap', args, environment: { PATH: path } };
}

/**
 * A user namespace counts its own processes, so `nproc` holds there. Without it the limit would count every process of
 * the user of the worker.
 */
function limitsOf({ maxFileBytes }: Place, { sandbox, max_memory_bytes, max_processes }: ShellSettings): string[] {
  return [
    '--core=0',
    `--nofile=${MAX_OPEN_FILES}`,
    `--fsize=${maxFileBytes()}`,
    `--data=${max_memory_bytes}`,
    ...(sandbox === 'none' ? [] : [`--nproc=${max_processes}`]),
  ];
}

/** Own namespaces of every kind, no capability, no further user namespace, no terminal, and an end with the parent. */
function isolation({ network }: ShellSettings): string[] {
  return [
    ...['--unshare-all', '--unshare-user', '--disable-userns', ...(network ? ['--share-net'] : [])],
    ...['--uid', '65534', '--gid', '65534', '--cap-drop', 'ALL'],
    ...['--die-with-parent', '--new-session'],
  ];
}

/** Everything that can be written has a size: the workspace is counted, and the rest is small or read-only. */
function filesOf({ directory }: Place, { network, read_only_paths }: ShellSettings): string[] {
  const shown = [...SYSTEM_PATHS, ...(network ? NETWORK_PATHS : [])];
  const own = ['--dev', '/dev', ...tmpfs('/dev/shm', SHARED_MEMORY_BYTES), '--remount-ro', '/dev'];
  return [
    ...shown.flatMap((path) => ['--ro-bind-try', path, path]),
    ...HIDDEN_PATHS.filter((path) => existsSync(path)).flatMap((path) => [...tmpfs(path, 4_096), '--remount-ro', path]),
    ...read_only_paths.flatMap((path) => ['--ro-bind', path, path]),
    ...['--proc', '/proc', ...own, ...tmpfs('/tmp', TMP_BYTES)],
    ...['--bind', directory, WORKSPACE_PATH, '--chdir', WORKSPACE_PATH, '--remount-ro', '/'],
  ];
}

function tmpfs(path: string, bytes: number): string[] {
  return ['--size', String(bytes), '--tmpfs', path];
}

function variables(): string[] {
  const environment = Object.entries(environmentOf('/tmp'));
  return ['--clearenv', ...environment.flatMap(([name, value]) => ['--setenv', name, value])];
}

function environmentOf(home: string): Record<string, string> {
  return { PATH: COMMAND_PATH, HOME: home, LANG: 'C.UTF-8' };
}
