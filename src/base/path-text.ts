import { existsSync } from 'node:fs';

/**
 * An absolute path of two or more plain names, such as `/run/secrets/key`. A key in base64 has other characters or
 * longer names.
 */
const PLAIN_PATH = /^(?:\/[\w.@-]{1,64}){2,}$/;
const FIRST_FOLDER = /^\/?[^/]+(?=\/)/;

/**
 * Tells whether a message may show a text that was given as the path of a file. Other texts may be a key or a password
 * in the wrong variable. A slash alone does not prove a path, because base64 has slashes: the folder before it must
 * exist.
 */
export function isShownAsPath(text: string): boolean {
  const [folder] = FIRST_FOLDER.exec(text) ?? [];
  return PLAIN_PATH.test(text) || existsSync(text) || (folder !== undefined && existsSync(folder));
}
