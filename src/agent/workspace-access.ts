/** The files of one attempt, for tools that work on them. Paths are relative, with `/` between names. */
export interface WorkspaceAccess {
  /** The absolute path of the directory. It exists until the attempt ends. */
  readonly directory: string;
  /** Returns the files with their sizes, sorted by path. */
  list(): Promise<{ path: string; bytes: number }[]>;
  /** Returns the text of a file. Rejects with a message for the model. */
  read(path: string): Promise<string>;
  /**
   * Counts the files again, because something else than these methods changes them: it still runs, or has ended. Returns
   * the limit of the workspace that they pass, as a sentence, or `null`.
   */
  recount(changing: 'running' | 'ended'): Promise<string | null>;
  /** Writes a file and returns its size in bytes. Rejects with a message for the model. */
  write(path: string, text: string): Promise<number>;
}
