import { ErrandError, type Problem } from '../errors.ts';

/** A variable in a path of a problem, such as `ERRAND_CONCURRENCY (worker.concurrency)`. */
const VARIABLE = /^([A-Z_]+) \(/;

/**
 * The error of a configuration that does not fit. Its message has every problem. Without a remedy of its own it names where
 * the wrong settings are: variables, or the file.
 */
export function configInvalid(problems: Problem[], remedy: string = remedyFor(problems)): ErrandError {
  const text = problems.map(({ path, message }) => `${path}: ${message}`).join('; ');
  return new ErrandError('CONFIG_INVALID', `the configuration does not fit: ${text}`, { problems, remedy });
}

function remedyFor(problems: Problem[]): string {
  const variables = problems.flatMap(({ path }) => VARIABLE.exec(path)?.[1] ?? []);
  const settings = problems.map(({ path }) => path).filter((path) => !VARIABLE.test(path));
  const places = [
    ...(variables.length > 0 ? [`${list(variables)} in the environment`] : []),
    ...(settings.length > 0
      ? [`${list(settings)} in the configuration (errand.config.yaml, or the file that ERRAND_CONFIG names)`]
      : []),
  ];
  return `Correct ${places.join(', and ')}; docs/reference/configuration.md lists every setting.`;
}

function list(names: string[]): string {
  const [first = '', ...others] = new Set(names);
  return others.length === 0 ? first : `${first} and ${others.length} more`;
}
