/** The name of the toolset that gives a child a directory of files. */
export const WORKSPACE = 'workspace';

/** The names of the toolsets that every worker has. Data alone, so that a producer can load it. */
export const BUILT_IN_TOOLSETS: readonly string[] = [WORKSPACE];
