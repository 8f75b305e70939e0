/** The name of the toolset that gives a child a directory of files. */
export const WORKSPACE = 'workspace';

/** The name of the toolset that runs commands. Only workers with `shell.enabled` have it. */
export const SHELL = 'shell';

/** The name of the toolset that calls HTTP addresses. Only workers with `http.allow` have it. */
export const HTTP = 'http';

/** The names of the toolsets that every worker has. Data alone, so that a producer can load it. */
export const BUILT_IN_TOOLSETS: readonly string[] = [WORKSPACE];

/** The names of built-in toolsets that only some workers have, as their configuration says. */
export const OPTIONAL_TOOLSETS: readonly string[] = [HTTP, SHELL];
