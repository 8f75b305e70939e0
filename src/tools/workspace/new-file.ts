import { type FileHandle, open, rm } from 'node:fs/promises';

/** Writes a new file. Rejects unless all of it was written. Replaces anything left at its path. */
export async function writeNew(path: string, content: Buffer): Promise<void> {
  await fill(await openNew(path), content);
}

/** Creates a file and removes anything left at its path. A link or a pipe is removed; its target is not written. */
function openNew(path: string): Promise<FileHandle> {
  const openIt = () => open(path, 'wx', 0o600);
  return openIt().catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error;
    return rm(path, { recursive: true, force: true }).then(openIt);
  });
}

/** A file is complete only after it was closed: some file systems report a full disk or quota only then. */
async function fill(file: FileHandle, content: Buffer): Promise<void> {
  try {
    await file.writeFile(content);
    const { size } = await file.stat();
    if (size !== content.length)
      throw Object.assign(new Error(`${size} of ${content.length} bytes were written`), { code: 'EIO' });
  } catch (error) {
    await file.close().catch(() => undefined);
    throw error;
  }
  await file.close();
}
