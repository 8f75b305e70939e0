import { ErrandError, type Problem } from '../errors.ts';

/** Matches the variable in the path of a problem, such as `ERRAND_CONCURRENCY (worker.concurrency)`. */
const VARIABLE = /^([A-Z_]+) \(/;

/**
 * Makes the error of a wrong configuration. Its message has every problem. The default remedy names the variables and
 * the settings of the file to correct.
 */
export function configInvalid(problems: Problem[], remedy: string = remedyFor(problems)): ErrandError {
  const text = problems.map(({ path, message }) => `${path}: ${message}`).join('; ');
  return new ErrandError('CONFIG_INVALID', `invalid configuration: ${text}`, { problems, remedy });
}

function remedyFor(problems: Problem[]): string {
  const variables = problems.flatMap(({ path }) => VARIABLE.exec(path)?.[1] ?? []);
  const settings = problems.map(({ path }) => path).filter((path) => !VARIABLE.test(path));
  const places = [
    ...(variables.length > 0 ? [`${list(variables)} in the environment`] : []),
    ...(settings.length > 0 ? [`${list(settings)} in errand.config.yaml (or the file in ERRAND_CONFIG)`] : []),
  ];
  return `Correct ${places.join(' and ')}. docs/reference/configuration.md lists every setting.`;
}

function list(names: string[]): string {
  const [first = '', ...others] = new Set(names);
  return others.length < 2 ? [first, ...others].join(' and ') : `${first} and ${others.length} other settings`;
}
