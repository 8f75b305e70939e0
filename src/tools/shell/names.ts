/** The name of the tool that runs a command. */
export const RUN_COMMAND = 'run_command';
