/** The files of one attempt, for tools that work on them. Paths are relative, with `/` between names. */
export interface WorkspaceAccess {
  /** The absolute path of the directory. It exists until the attempt ends. */
  readonly directory: string;
  /** Returns the files with their sizes, sorted by path. */
  list(): Promise<{ path: string; bytes: number }[]>;
  /** Returns the text of a file. Rejects with a message for the model. */
  read(path: string): Promise<string>;
  /** Writes a file and returns its size in bytes. Rejects with a message for the model. */
  write(path: string, text: string): Promise<number>;
}
