/** The variable of the password of the board. */
export const BOARD_PASSWORD = 'ERRAND_BOARD_PASSWORD';

/** The variable of the password at the Sentinels. */
export const SENTINEL_PASSWORD = 'REDIS_SENTINEL_PASSWORD';

/**
 * A variable that sets no key of the file. A secret can also be in a file, named by the variable with the suffix
 * `_FILE`.
 */
export type OtherVariable = { name: string; isSecret: boolean; readBy: string; meaning: string };

/** The variables that set no key of the file, except those that a `credential` names. */
export const OTHER_VARIABLES: readonly OtherVariable[] = [
  { name: 'ERRAND_CONFIG', isSecret: false, readBy: 'all', meaning: 'the configuration file' },
  {
    name: BOARD_PASSWORD,
    isSecret: true,
    readBy: 'the board',
    meaning: 'lets its holder act; without one the board is read-only',
  },
  {
    name: SENTINEL_PASSWORD,
    isSecret: true,
    readBy: 'all',
    meaning: 'the password at the Sentinels, or the file that has it',
  },
];
