import type { InstructionKind } from './ast.ts';

/** How each instruction is written. */
export const keywords: { readonly [K in InstructionKind]: string } = {
  from: 'FROM',
  run: 'RUN',
  runBackground: 'RUN BACKGROUND',
  runRepeatable: 'RUN REPEATABLE',
  copy: 'COPY',
  clone: 'CLONE',
  env: 'ENV',
  buildEnv: 'BUILD ENV',
  secretEnv: 'SECRET ENV',
  cache: 'CACHE',
  checkpoint: 'CHECKPOINT',
  split: 'SPLIT',
  wait: 'WAIT',
  button: 'BUTTON',
  exposeWebsite: 'EXPOSE WEBSITE',
  exposeTcp: 'EXPOSE TCP',
  label: 'LABEL',
  memory: 'MEMORY',
  setupFile: 'SETUP FILE',
  skipRemainingIf: 'SKIP REMAINING IF',
  user: 'USER',
  workdir: 'WORKDIR',
  aws: 'AWS',
};
