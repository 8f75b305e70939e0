import { readFileSync } from 'node:fs';
import { parse as parseYaml } from 'yaml';
import { ErrandError, messageOf } from '../errors.ts';
import { faultText, yamlFault } from './syntax.ts';

const DEFAULT_FILE = 'errand.config.yaml';

/**
 * What stands in the file that is named, or in `errand.config.yaml` where none is; nothing where that one is not there. A
 * section of which all is commented out reads as `null`, and is absent.
 *
 * @throws ErrandError `CONFIG_INVALID` where it cannot be read, or holds no settings.
 */
export function readConfigFile(named: string | undefined): Record<string, unknown> {
  const file = named || DEFAULT_FILE;
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    // A file that is there and cannot be read must not pass for none: its routes would go elsewhere in silence.
    if (!named && error instanceof Error && 'code' in error && error.code === 'ENOENT') return {};
    const whose = named ? `ERRAND_CONFIG names ${named}, which` : DEFAULT_FILE;
    throw new ErrandError('CONFIG_INVALID', `${whose} cannot be read: ${messageOf(error)}`);
  }
  const value = yamlOf(text, file) ?? {};
  if (typeof value === 'object' && !Array.isArray(value)) {
    return Object.fromEntries(Object.entries(value).filter(([, section]) => section !== null));
  }
  const got = Array.isArray(value) ? 'a list' : `a ${typeof value}`;
  throw new ErrandError('CONFIG_INVALID', `${file}: expected settings by name, got ${got}`);
}

function yamlOf(text: string, file: string): unknown {
  try {
    return parseYaml(text, { logLevel: 'error' });
  } catch (error) {
    throw new ErrandError('CONFIG_INVALID', `${file} is not YAML: ${faultText(yamlFault(error))}`);
  }
}
