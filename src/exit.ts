/** What `layer` ends with. */
export const exit = {
  done: 0,
  stepFailed: 1,
  /** The Layerfiles are wrong. */
  wrong: 2,
  /** The host failed, or `layer` did. */
  hostFailed: 3,
  usage: 64,
  /** A BUTTON waits for a press. */
  waiting: 75,
  interrupted: 130,
} as const;

export type ExitCode = (typeof exit)[keyof typeof exit];
