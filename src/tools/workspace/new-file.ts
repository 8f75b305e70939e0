import { type FileHandle, open, rm } from 'node:fs/promises';

/** Writes a new file of `bytes` bytes. Rejects unless all of them were written. Replaces anything left at its path. */
export async function writeNew(path: string, text: string, bytes: number): Promise<void> {
  await fill(await openNew(path), text, bytes);
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
async function fill(file: FileHandle, text: string, bytes: number): Promise<void> {
  try {
    await file.writeFile(text);
    const { size } = await file.stat();
    if (size !== bytes) throw Object.assign(new Error(`${size} of ${bytes} bytes were written`), { code: 'EIO' });
  } catch (error) {
    await file.close().catch(() => undefined);
    throw error;
  }
  await file.close();
}
