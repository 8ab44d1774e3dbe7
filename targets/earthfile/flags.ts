/** What stands between RUN (or IF) and its command: what the step may see, and whether it is cached. */
export interface RunFlags {
  /** By name; LAYER_RUN, this run's variables, is always among them. */
  readonly secrets: readonly string[];
  readonly push: boolean;
  readonly cached: boolean;
  readonly aws: boolean;
}

/** The flags of a RUN as words. */
export function runFlags(flags: RunFlags): readonly string[] {
  return [
    ...(flags.push ? ['--push'] : []),
    ...(flags.cached && !flags.push ? [] : ['--no-cache']),
    ...(flags.aws ? ['--aws'] : []),
    ...['LAYER_RUN', ...flags.secrets].map((name) => `--secret ${name}`),
  ];
}

/** The flags of an IF: it looks at this run's variables, so it is asked in every build. */
export function ifFlags(flags: RunFlags): readonly string[] {
  return ['--no-cache', ...['LAYER_RUN', ...flags.secrets].map((name) => `--secret ${name}`)];
}
