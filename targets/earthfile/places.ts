/** Where the files beside the Earthfile lie in the repository. */
export const beside = '.earth';

/** Where they, and what the steps leave for each other, lie in the machine. */
export const inMachine = {
  root: '/layer',
  call: '/layer/sh',
  repository: '/layer/repo',
  skipped: '/layer/skipped',
} as const;
