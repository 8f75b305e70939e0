import { MAX_FILE_BYTES } from './files.ts';

/** A replacement in a text. `all`: also if the old text is found more than once. */
export type Edit = { oldText: string; newText: string; all: boolean };

/**
 * Replaces an exact text in a file. Returns the new text, and how many places were replaced.
 * @throws Error, for the model to read, that says how often the old text was found, if that is not what the edit expects.
 */
export function edited(text: string, { oldText, newText, all }: Edit): { text: string; count: number } {
  if (oldText === newText) throw new Error('old_text and new_text are the same; expected a change');
  const parts = text.split(oldText);
  const count = parts.length - 1;
  if (count === 0) {
    throw new Error('old_text was found 0 times; expected a text of the file, with its exact spaces and line breaks');
  }
  if (count > 1 && !all) {
    throw new Error(
      `old_text was found ${count} times; expected it once. Add lines around it, or set replace_all to true`,
    );
  }
  // Checked before the text is built, because a short text may be found a million times.
  const length = text.length + count * (newText.length - oldText.length);
  if (length > MAX_FILE_BYTES) {
    throw new Error(`the file would have at least ${length} bytes; the limit is ${MAX_FILE_BYTES}`);
  }
  return { text: parts.join(newText), count };
}

/** Decodes a file for an edit. @throws Error, for the model to read: an edit of other bytes would destroy them. */
export function exactText(content: Buffer, given: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(content);
  } catch (cause) {
    throw new Error(`"${given}" is not UTF-8 text; expected a text file`, { cause });
  }
}
